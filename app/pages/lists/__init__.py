"""The main page: its form, its table, its totals, and the same search for other uses."""
