"""Workspaces of their own for presets, and edits of `params.yaml`."""
