"""The online store's routes, scores and webhooks."""
