"""Searches and lists of positions that are watched: what matches is kept as it comes.

It knows neither pages nor requests but the body of positions.
"""
