"""The product against its contenders: one table over all sets. Run as ``python -m bench.models``."""
