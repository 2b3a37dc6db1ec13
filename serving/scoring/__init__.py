"""Which bundle answers, and how a worker scores with it."""
