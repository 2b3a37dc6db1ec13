"""When to hand a lead over: the chance of a first contact now, what it becomes by waiting, and what follows for sales."""
