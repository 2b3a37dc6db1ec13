"""Contenders, payloads and measurements of `bench.serving_speed`."""
