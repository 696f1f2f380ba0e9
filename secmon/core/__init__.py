"""Decide, without touching the world: no I/O, no clock, no randomness, no third party."""
