"""HTTP: the middleware, bodies, timeouts, graceful shutdown, logs."""
