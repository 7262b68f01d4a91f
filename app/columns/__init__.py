"""The archive by columns: which alerts match a search, found in Parquet files of the object store.

The files are a HATS catalog that `python -m catalog` writes. This room knows no PostgreSQL: it
finds keys, and whoever asks reads the rows by them.
"""
