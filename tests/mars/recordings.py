"""The recordings of the original MARS, and the rules that put its known faults right.

Every rule reads the recorded files and MARS's contract; none looks at our answers.
"""

import json
from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

Alert = dict[str, Any]
Arguments = dict[str, Any]

SIGNS = "deltamaglatest is computed without a look at isdiffpos"
COLUMN_OF = {"alert_candid": "candid", "gal_l": "l", "gal_b": "b"}
"""Names that a sort has for columns which the candidate calls otherwise."""
OPERATORS: dict[str, Callable[[Any, float], bool]] = {
    "gt": lambda value, bound: bool(value > bound),
    "lt": lambda value, bound: bool(value < bound),
    "gte": lambda value, bound: bool(value >= bound),
    "lte": lambda value, bound: bool(value <= bound),
}
FULL_CIRCLE = 360.0


@dataclass(frozen=True)
class Recordings:
    """The folder of the recordings."""

    folder: Path

    def load(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text())

    @cached_property
    def alerts(self) -> dict[str, Alert]:
        """Candid to alert, as recorded."""
        alerts: dict[str, Alert] = self.load("alerts")
        return alerts

    @cached_property
    def opposite_signs(self) -> frozenset[str]:
        """Candids whose deltamaglatest is of two subtractions of opposite sign."""
        return frozenset(self.load("fault_lists")["deltamaglatest_opposite_sign"])

    @cached_property
    def right(self) -> dict[str, Alert]:
        """Candid to alert, as it ought to be: no magnitude is taken from one of opposite sign."""
        alerts = deepcopy(self.alerts)
        for candid in self.opposite_signs:
            alerts[candid]["candidate"]["deltamaglatest"] = None
        return alerts

    def found(self, args: Arguments, among: Collection[str] | None = None) -> list[str]:
        """Candids that match a plain reading of the arguments, unsorted."""
        limits = [(name, value) for name, value in args.items() if value not in ("", None)]
        tests = [_test(name, value) for name, value in limits if not name.startswith("ra__")]
        tests.append(_arc(args))
        candids = self.right if among is None else among
        return [c for c in candids if all(test(self.right[c]) for test in tests)]

    def key(self, candid: str, column: str) -> Any:
        """What a sort compares; None where the alert has no value."""
        alert = self.right[candid]
        name = COLUMN_OF.get(column, column)
        value = alert[name] if name in ("objectId", "publisher") else alert["candidate"][name]
        return parsedate_to_datetime(value) if name == "wall_time" else value

    def in_order(self, candids: Sequence[str], column: str, order: str | None) -> list[str]:
        """Sorted; without a value first in desc and last in asc."""
        keys = {candid: self.key(candid, column) for candid in candids}
        with_key = [candid for candid in candids if keys[candid] is not None]
        without = [candid for candid in candids if keys[candid] is None]
        if order == "asc":
            return [*sorted(with_key, key=lambda c: keys[c]), *without]
        return [*without, *sorted(with_key, key=lambda c: keys[c], reverse=True)]


def _test(name: str, value: Any) -> Callable[[Alert], bool]:
    """Whether an alert meets one argument; one that is no filter meets all."""
    column, _, operator = name.partition("__")
    if name == "objectId":
        return lambda alert: bool(alert["objectId"] == value)
    if name == "filter":
        return lambda alert: bool(alert["candidate"]["filter"] == value)
    if operator not in OPERATORS:
        return lambda alert: True
    compare, bound = OPERATORS[operator], float(value)

    def meets(alert: Alert) -> bool:
        stored = alert["candidate"][column]
        return stored is not None and compare(stored, bound)

    return meets


def _arc(args: Arguments) -> Callable[[Alert], bool]:
    """The limits on ra: one is read plainly, two are an arc of the circle."""
    lower, upper = args.get("ra__gt"), args.get("ra__lt")
    low = -inf if lower is None else float(lower)
    high = inf if upper is None else float(upper)
    if lower is not None and upper is not None:
        low, high = (v if v == FULL_CIRCLE else v % FULL_CIRCLE for v in (low, high))

    def meets(alert: Alert) -> bool:
        ra = alert["candidate"]["ra"]
        around = lower is not None and upper is not None and low > high
        return bool(ra > low or ra < high) if around else bool(low < ra < high)

    return meets
