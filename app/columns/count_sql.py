"""A whole copy counted, as SQL for DuckDB.

A copy holds the batches up to its `as_of` and no others: nothing here looks at the batch of a row.
"""

from app.columns.copy import Readable
from app.columns.question import Question
from archive import times


def count_by(copy: Readable, *keys: str) -> Question:
    """How many rows there are for each value of some expressions; the number comes last."""
    return Question(f"SELECT {', '.join(keys)}, count(*) FROM {copy.table} GROUP BY ALL")


def count_exposures(copy: Readable) -> Question:
    """The number of exposures, the first jd and the last; a jd that is no date is none."""
    dated = f"jd >= {times.YEAR_1_JD!r} AND jd < {times.YEAR_10000_JD!r}"
    exposures = f"SELECT DISTINCT jd FROM {copy.table} WHERE {dated}"
    return Question(f"SELECT count(*), min(jd), max(jd) FROM ({exposures})")


def count_objects(copy: Readable) -> Question:
    """How many objects have how many alerts."""
    each = f"SELECT count(*) AS alerts FROM {copy.table} GROUP BY object_id"
    return Question(f"SELECT alerts, count(*) FROM ({each}) GROUP BY alerts")


def count_bodies(copy: Readable, most: int) -> Question:
    """The bodies with the most alerts; with each the number of all bodies, and of their alerts."""
    own = f"SELECT ssnamenr, count(*) AS alerts FROM {copy.table} WHERE ssnamenr IS NOT NULL"
    rows = f"SELECT *, count(*) OVER (), sum(alerts) OVER () FROM ({own} GROUP BY ssnamenr)"
    return Question(f"{rows} ORDER BY alerts DESC, ssnamenr LIMIT {most}")
