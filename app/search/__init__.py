"""A text -> a Search: its vocabulary, values, regions, cursors.

It knows no web framework and no connection.
"""
