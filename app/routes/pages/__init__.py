"""Pages for people, what they load, and the first MARS's own addresses."""
