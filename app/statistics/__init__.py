"""The whole archive in numbers: the columnar copy counted, and the ledger day by day.

It knows no web framework.
"""
