"""The Virtual Observatory: TAP, cone search, DataLink, and what a registry asks.

It knows no page. ADQL is read and translated in app/adql, which knows no alert.
"""
