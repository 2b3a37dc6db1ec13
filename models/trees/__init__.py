"""LightGBM's trees as flat arrays, and exact TreeSHAP over them."""
