"""What the command `privacy` does: keys, objections, erasure, retention; one module per subcommand."""
