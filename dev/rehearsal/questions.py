"""What the app is asked in a rehearsal, by the name and port that its neighbours know."""

import io
import re
import time

import httpx
from pyarrow import parquet

from dev.demo import ask
from dev.image import answers, fetched
from dev.processes import StackError
from dev.rehearsal.play import say

TAKEN_SECONDS = 120
READ_SECONDS = 120


def await_taken(site: str, count: int) -> None:
    """Wait until the ledger has so many messages, as the app tells it."""
    deadline = time.monotonic() + TAKEN_SECONDS
    while True:
        nights = ask(f"{site}/api/v1/nights")["items"]
        received = sum(night["received"] for night in nights)
        if received >= count:
            return
        if time.monotonic() > deadline:
            raise StackError(f"{received:,} of {count:,} taken in after {TAKEN_SECONDS} s")
        time.sleep(0.5)


def ask_all(site: str, count: int) -> int:
    """Ask for what dev.image asks for, then TAP; return how many alerts TAP counts."""
    answers(site, count)
    query = {"LANG": "ADQL", "FORMAT": "csv", "QUERY": "SELECT COUNT(*) AS n FROM mars.alert"}
    told = httpx.post(f"{site}/vo/tap/sync", data=query, timeout=60)
    counted = re.fullmatch(r"n\s+(\d+)\s*", told.text)
    if not told.is_success or counted is None:
        raise StackError(f"TAP says {told.status_code}: {told.text[:500]}")
    say(f"TAP counts {int(counted[1]):,} alerts")
    night = ask(f"{site}/api/v1/nights")["items"][0]["night"]
    rows = parquet.read_table(io.BytesIO(fetched(f"{site}/api/v1/nights/{night}/alerts.parquet")))
    say(f"the night as Parquet: {rows.num_rows:,} alerts, {rows.num_columns} columns")
    return int(counted[1])


def await_catalog(site: str, count: int) -> None:
    """Wait until the app counts so many alerts in the catalog, by its process that scans."""
    deadline = time.monotonic() + READ_SECONDS
    while True:
        told = httpx.get(f"{site}/api/v1/statistics", timeout=30)
        counted = told.json()["totals"]["alerts"] if told.is_success else 0
        if counted == count:
            say(f"the app counts {counted:,} alerts in the catalog")
            return
        if time.monotonic() > deadline:
            raise StackError(f"/api/v1/statistics says {told.status_code}, {counted:,} alerts")
        time.sleep(0.5)
