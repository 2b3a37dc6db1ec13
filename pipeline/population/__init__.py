"""Who is looked at, and what became of them."""
