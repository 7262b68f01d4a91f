"""Alerts as they come: streams that follow the numbers of the archive, whatever is cut in between.

It knows neither pages nor who watches what.
"""
