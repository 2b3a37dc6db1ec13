"""Runs, models and their registry in MLflow."""
