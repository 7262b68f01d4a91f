"""How an answer is written and sent: formats, headers, codings, ranges. It knows no alert.

A new format is a writer beside csv's, votable.py and parquet.py, and a line in formats.py.
"""
