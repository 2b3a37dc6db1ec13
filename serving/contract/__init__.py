"""What callers see: routes, payload schemas, limits, errors."""
