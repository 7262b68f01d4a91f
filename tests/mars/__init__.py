"""Our answers against what the original MARS answered on the same packets."""
