"""Questions to the archive: a page of a search, its number, its plan, what came since."""
