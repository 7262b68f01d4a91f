"""A Search -> SQL -> rows -> a page -> bytes. Of requests it knows only how long they wait.

region_sql.py, search_sql.py and order_sql.py make the SQL, searching.py asks, items.py shapes.
"""
