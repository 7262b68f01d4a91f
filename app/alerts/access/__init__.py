"""Which server and which connection a statement takes, and how long it may wait."""
