"""A Search -> the SQL of it, and how much it reads. Asks nothing."""
