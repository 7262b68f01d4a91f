"""The routes: each asks, shapes and answers in a handful of lines."""
