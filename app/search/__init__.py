"""A text -> a Search: its vocabulary, values, regions, cursors.

It knows no web framework and no connection. A new operator is a line in filters.py; a new field is
a column of its survey.
"""
