"""What a comparison came to: equal, different for a known fault of the original's, or wrong."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DEGREES_APART = 1e-10
"""l and b may differ by this much: their last bits depend on the processor."""


class Explained(NamedTuple):
    what: str
    fault: str
    recorded: str
    ours: str


@dataclass
class Tally:
    """One part of the recordings, entry by entry."""

    part: str
    equal: int = 0
    explained: list[Explained] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, what: str, problems: Sequence[str], explained: Explained | None = None) -> None:
        """An entry: wrong if there are problems, else equal unless a fault explains it."""
        if problems:
            self.wrong.append(f"{what}: " + "; ".join(problems))
        elif explained:
            self.explained.append(explained)
        else:
            self.equal += 1

    @property
    def compared(self) -> int:
        return self.equal + len(self.explained) + len(self.wrong)

    def lines(self) -> Iterator[str]:
        """The counts, then each fault with its count, then what is wrong."""
        yield (
            f"{self.part}: {self.compared} compared, {self.equal} equal, "
            f"{len(self.explained)} differ by a known fault of the original, "
            f"{len(self.wrong)} wrong"
        )
        for fault, count in Counter(one.fault for one in self.explained).most_common():
            yield f"    {count} x {fault}"
        yield from (f"    WRONG {line[:600]}" for line in self.wrong)

    def faults(self, expected: int) -> list[str]:
        """What is wrong; that other than the expected number of entries were compared is too."""
        short = f"{self.compared} were compared, not {expected}"
        return [*self.wrong, *([] if self.compared == expected else [short])]


def unlike(recorded: Any, ours: Any, where: str = "") -> Iterator[str]:
    """Where two JSON values differ: in value, type of number or keys; not in the order of keys."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        if recorded.keys() != ours.keys():
            missing, more = recorded.keys() - ours.keys(), ours.keys() - recorded.keys()
            yield f"{where} keys: missing {sorted(missing)}, more {sorted(more)}"
        for name in recorded.keys() & ours.keys():
            yield from unlike(recorded[name], ours[name], f"{where}.{name}" if where else name)
    elif where in ("candidate.l", "candidate.b"):
        if not isinstance(ours, float) or abs(ours - recorded) > DEGREES_APART:
            yield f"{where}: recorded {recorded!r}, ours {ours!r}"
    elif type(recorded) is not type(ours) or recorded != ours:
        yield f"{where}: recorded {recorded!r}, ours {ours!r}"


def out_of_order(ours: Any, where: str = "") -> Iterator[str]:
    """Where keys are not in the order of the original, which sorted them as texts."""
    if isinstance(ours, dict):
        if list(ours) != sorted(ours):
            yield f"{where or 'the answer'} has its keys in the order {list(ours)}"
        for name, value in ours.items():
            yield from out_of_order(value, f"{where}.{name}" if where else name)
    elif isinstance(ours, list):
        for value in ours:
            yield from out_of_order(value, where)
