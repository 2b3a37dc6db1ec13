"""From raw log-odds to a probability with an interval, a tier, and what sales can work."""
