"""Hand-over policies replayed on simulated companies that nobody calls: `python -m bench.timing`."""
