"""Two limits on a circular angle are an arc, eastwards from the lower one, also across 0."""

import math
from collections.abc import Sequence
from typing import Final

from app.search.filters import Clause

ROUND: Final = ("ra", "l")
"""Fields that go from 0 to 360 degrees and start again at 0."""


def bend_arcs(clauses: Sequence[Clause], fields: Sequence[str] = ROUND) -> list[Clause]:
    """The clauses, with each pair of a lower and an upper limit on one field as the arc it means.

    A single limit, and more than two, stay as they are.
    """
    made = list(clauses)
    for name in fields:
        lower, upper = (
            [c for c in made if c.filter.field.name == name and c.filter.operator in operators]
            for operators in (("gt", "gte"), ("lt", "lte"))
        )
        if len(lower) == len(upper) == 1:
            pair = lower[0], upper[0]
            made = [c for c in made if c not in pair] + _arc(*pair)
    return made


def _arc(lower: Clause, upper: Clause) -> list[Clause]:
    """Limits within 0 to 360 and in order stay as they are; others are folded and may wrap."""
    low, high = float(lower.value), float(upper.value)  # type: ignore[arg-type]
    if 0 <= low <= high <= 360 or not math.isfinite(high - low):
        return [lower, upper]
    if high - low >= 360:
        return []
    # As a beginning 360 is 0; the remainder of a tiny negative number rounds to 360 itself.
    low, high = low % 360 % 360, high if 0 <= high <= 360 else high % 360
    if low <= high:
        return [lower._replace(value=low), upper._replace(value=high)]
    # Thresholds belong to what is above them: where a limit itself does not, the next double does.
    first = high if upper.filter.operator == "lt" else math.nextafter(high, math.inf)
    second = low if lower.filter.operator == "gte" else math.nextafter(low, math.inf)
    return [Clause(lower.filter._replace(operator="outside"), [first, second])]
