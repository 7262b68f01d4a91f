"""A name, as a person types it -> a place on the sky. It knows no web framework."""
