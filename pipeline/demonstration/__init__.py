"""What the command `demo` shows: a service that answers, and what to look at next."""
