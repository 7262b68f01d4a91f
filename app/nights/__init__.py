"""Nights of observing: what came, from which fields. It knows no web framework."""
