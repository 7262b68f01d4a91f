"""Reads the archive: HTTP in, JSON, bytes and pictures out."""
