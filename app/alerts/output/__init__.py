"""Rows -> the bytes of an answer: items of JSON, and long lists in every format."""
