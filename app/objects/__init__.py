"""Objects, computed from their alerts: lists, summaries, light curves."""
