"""The feature matrix: built, brought up to date, read back with labels and segments."""
