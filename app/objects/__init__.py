"""What an object's alerts say together: which objects there are, their sums, their light curves."""
