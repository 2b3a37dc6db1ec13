"""HTTP: the outermost layer, bodies, timeouts, shutdown."""
