"""Logged scores beside what became of their leads, judged."""
