"""docs/faults.md keeps what whole runs of single faults came to."""

from collections import Counter
from pathlib import Path

import pytest

from faults import page
from faults.check import Verdict
from faults.reading import Tally
from faults.runner import Result


def result(name: str, hits: int) -> Result:
    return Result(name, 30, hits, Verdict(), [0.5, 2.0], [1.0], Counter(), Tally(), None)


def test_each_result_replaces_that_of_its_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "faults.md")
    page.PAGE.write_text("| a fault | of another | table |\n")
    names = ["first", "second", "third"]
    for name, hits, seed in (("third", 30, 1), ("first", 29, 2), ("third", 30, 3), ("gone", 1, 4)):
        page.note(result(name, hits), seed, names)
    rows = [line for line in page.PAGE.read_text().splitlines() if line.startswith("| ")][2:]
    assert [row.split(" | ")[0] for row in rows] == ["| first (NOT SOUND)", "| third"]
    assert [row.split(" | ")[-1] for row in rows] == ["2 |", "3 |"]
    assert page.PAGE.read_text().endswith("kept: second.\n")
    page.note(result("first", 30), 5, names)
    page.note(result("second", 30), 6, names)
    assert "NOT SOUND" not in page.PAGE.read_text()
    assert page.PAGE.read_text().endswith(" | 3 |\n")
