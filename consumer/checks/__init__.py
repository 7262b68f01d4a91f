"""The whole archive held against itself. Writes nothing."""
