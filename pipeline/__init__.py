"""The offline side: thin stages (read, call, write), the simulator, sources, tracking, reports."""
