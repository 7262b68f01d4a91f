"""Secrets of watches and operators' tokens: drawn, kept as digests, known again.

It knows neither watches nor requests.
"""
