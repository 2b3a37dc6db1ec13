"""The leakage audit: small detectors of columns, touchpoint kinds and histories that know the outcome."""
