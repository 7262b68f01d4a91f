"""Which tests a process of pytest runs: those of a file, and of files that share what is long made.

What takes longest begins first, or one process would be left with it when the others are done.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

TOGETHER = (
    # The archive with a columnar copy.
    (
        "tests/app/columns/",
        "tests/app/statistics/test_statistics.py",
        "tests/app/vo/test_moc.py",
    ),
    # The database that each of their tests copies.
    ("tests/catalog/",),
)
"""How the names of files begin that go to one process."""
LONGEST = (
    "tests/app/delivery/test_topics.py",
    *TOGETHER[0],
    "tests/test_faults.py",
    *TOGETHER[1],
    "tests/dev/test_demo.py",
    "tests/app/match/test_jobs.py",
    "tests/consumer/test_stream.py",
    "tests/consumer/test_workers.py",
    "tests/app/routes/test_stored.py",
    "tests/app/mars/test_hostile_legacy.py",
    "tests/app/routes/test_real_packets.py",
    "tests/pages/test_main_page.py",
    "tests/app/routes/test_docs_page.py",
    "tests/consumer/test_verify.py",
    "tests/consumer/test_two_consumers.py",
    "tests/app/watches/test_watches.py",
    "tests/app/jobs/test_search_jobs.py",
    "tests/test_replicas.py",
)
"""The same, in the order in which they begin."""


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Hands out the tests of a file whole, and those of files together whole."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((names[0] for names in TOGETHER if file.startswith(names)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Ours, where files go whole."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    ranks = (n for n, name in enumerate(LONGEST) if item.nodeid.startswith(name))
    return next(ranks, len(LONGEST))
