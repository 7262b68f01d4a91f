"""Pages for people: what they show, and the templates that show it."""
