"""Measurements, floor and ours in one run: on a shared machine only their ratio counts."""
