"""Watches: the API, the pages and their forms, and where their alerts are sent."""
