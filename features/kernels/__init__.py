"""The compiled inner loops. The only importers of numba; each `entry` is called from Python, the rest from other kernels."""
