"""A whole copy counted, as SQL for DuckDB.

A copy holds the batches up to its `as_of` and no others: nothing here looks at the batch of a row.
"""

from typing import Final

from app.columns.copy import Readable
from app.columns.question import Question
from archive import times


def count_by(copy: Readable, *keys: str) -> Question:
    """How many rows there are for each value of some expressions; the number comes last."""
    return Question(f"SELECT {', '.join(keys)}, count(*) FROM {copy.table} GROUP BY ALL")


def count_nights(copy: Readable) -> Question:
    """How many rows each night has in each filter, and the exposures of the whole copy.

    A line holds whether it is that of the whole copy (1, else 0), the whole part of jd - 0.5, the
    filter, the number of rows; the number of exposures, the first jd and the last. A jd that is no
    date is no exposure.
    """
    dated = f"jd >= {times.YEAR_1_JD!r} AND jd < {times.YEAR_10000_JD!r}"
    exposures = ", ".join(f"{one} FILTER ({dated})" for one in _EXPOSURES)
    return Question(f"""
        WITH each AS MATERIALIZED (
            SELECT jd, filter, count(*) AS alerts FROM {copy.table} GROUP BY ALL
        )
        SELECT grouping(night), floor(jd - 0.5) AS night, filter, sum(alerts), {exposures}
        FROM each GROUP BY GROUPING SETS ((night, filter), ())
    """)


_EXPOSURES: Final = ("count(DISTINCT jd)", "min(jd)", "max(jd)")


def count_objects(copy: Readable) -> Question:
    """How many objects have how many alerts."""
    each = f"SELECT count(*) AS alerts FROM {copy.table} GROUP BY object_id"
    return Question(f"SELECT alerts, count(*) FROM ({each}) GROUP BY alerts")


def count_bodies(copy: Readable, most: int) -> Question:
    """The bodies with the most alerts; with each the number of all bodies, and of their alerts."""
    own = f"SELECT ssnamenr, count(*) AS alerts FROM {copy.table} WHERE ssnamenr IS NOT NULL"
    rows = f"SELECT *, count(*) OVER (), sum(alerts) OVER () FROM ({own} GROUP BY ssnamenr)"
    return Question(f"{rows} ORDER BY alerts DESC, ssnamenr LIMIT {most}")
