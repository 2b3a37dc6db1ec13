"""One lead over HTTP."""
