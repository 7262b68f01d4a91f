"""What a run of schemathesis tells: its cases and their answers, operation by operation."""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.schema.refusals import Refusal, excused


class Case(NamedTuple):
    """One request, what it was meant to be, and what came back."""

    operation: str
    """As in `GET /healthz`."""
    phase: str
    positive: bool
    """Whether it fits openapi.json, so that it should be accepted."""
    status: int
    media_type: str
    checks: tuple[tuple[str, str], ...]
    """The name and outcome of each."""
    refusals: tuple[Refusal, ...]
    """The lines of the table that excuse its refusal."""


@dataclass(frozen=True)
class Run:
    report: dict[str, Any]
    """The tool's own."""
    cases: list[Case]
    said: str
    held: str
    """What the archive held."""

    def of_operations(self, operations: list[str]) -> dict[str, list[Case]]:
        return {one: [c for c in self.cases if c.operation == one] for one in operations}

    def table(self) -> Iterator[str]:
        """Its figures for a reader."""
        number, seconds = len(self.cases), self.report["running_time"]
        failed = sum(failure["count"] for failure in self.report["failures"])
        yield f"{number} cases in {seconds:.0f} s, {failed} failures, on {self.held}"
        yield f"{'cases':>6} {'2xx':>5} {'refused':>7} {'405':>4}  operation"
        counted = Counter(case.operation for case in self.cases)
        methods = {"GET", "POST", "DELETE"}
        known = {one for one in counted if one.split()[0] in methods and counted[one] > 1}
        for one in sorted(known, key=lambda operation: operation.split()[::-1]):
            path = one.split()[1]
            mine = [case for case in self.cases if case.operation == one]
            accepted = sum(200 <= case.status < 300 for case in mine)
            wrong = sum(c.status == 405 for c in self.cases if c.operation.split()[1] == path)
            yield (f"{len(mine):6} {accepted:5} {len(mine) - accepted:7} {wrong:4}  {one}")
        passed = Counter(line for case in self.cases for line in set(case.refusals))
        yield "sound by openapi.json and refused all the same (tests/schema/refusals.py):"
        for line, times in passed.most_common():
            yield f"{times:6}  {line.parameter}: {line.reason} ({line.why})"


def read_run(report: Path, events: Path, said: str, held: str) -> Run:
    """A run from the tool's report and its log of events."""
    if not report.is_file():
        raise AssertionError(f"schemathesis wrote no report: {said}")
    return Run(json.loads(report.read_bytes()), list(_cases(events)), said, held)


def _cases(events: Path) -> Iterator[Case]:
    with events.open() as lines:
        for line in lines:
            scenario = json.loads(line).get("ScenarioFinished")
            recorder = scenario["recorder"] if scenario else {}
            for key, told in recorder.get("cases", {}).items():
                answer = recorder["interactions"][key]["response"]
                checks = recorder.get("checks", {}).get(key, [])
                yield _case(told["value"], scenario["phase"], answer, checks)


def _case(
    value: dict[str, Any], phase: str, answer: dict[str, Any], checks: list[dict[str, Any]]
) -> Case:
    positive = value["meta"]["generation"]["mode"] == "positive"
    status, media_type = answer["status_code"], answer["headers"].get("content-type", [""])[0]
    lines: tuple[Refusal, ...] = ()
    if positive and media_type == "application/problem+json":
        lines = excused(status, json.loads(base64.b64decode(answer["content"]["$base64"])))
    return Case(
        f"{value['method']} {value['path']}",
        phase,
        positive,
        status,
        media_type.partition(";")[0],
        tuple((check["name"], check["status"]) for check in checks),
        lines,
    )
