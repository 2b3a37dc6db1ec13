"""From labelled rows to a fitted classifier and its baselines."""
