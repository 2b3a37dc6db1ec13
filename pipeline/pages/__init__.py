"""The pages that people read, and the figures on them."""
