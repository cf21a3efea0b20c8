"""Measurements: how fast it is, beside what is possible."""
