"""The columnar copy of the archive: a HATS catalog of every alert, written night by night.

Parquet by place on the sky, in the object store; docs/catalog.md says how it is read, and
docs/decisions/0017 why it is as it is.
"""
