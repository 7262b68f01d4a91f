"""The Virtual Observatory under /vo: TAP, cone search, DataLink, coverage."""
