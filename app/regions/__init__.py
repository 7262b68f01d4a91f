"""Regions of the sky that clients send: read, kept for a while, found again by their ids.

It knows MOCs and skymaps, and no request.
"""
