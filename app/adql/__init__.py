"""ADQL 2.1 -> SQL. It knows tables by their columns, no alert and no connection.

What is generated holds no word of the query but its numbers and its quoted texts: tables and
columns are named by us, functions come from a list. What is not listed is refused by its name.
"""
