"""A feed at a steady rate for any time: `python -m bench.feeding TOPIC --minutes 60`."""

import argparse
import itertools
import sys
import time
from collections.abc import Iterator
from typing import Final

from dev.produce import Message, produce
from dev.simulate import named
from dev.simulator import simulate

ROUND: Final = 6000
"""Alerts of one sky: to make one takes a second, and grows with them."""


def packets(seed: int) -> Iterator[Message]:
    """One sky after the other."""
    for n in itertools.count(seed):
        yield from named(simulate(ROUND, n))


def main() -> int:
    """Feed a topic that is there."""
    parser = argparse.ArgumentParser(prog="bench.feeding", description=__doc__)
    parser.add_argument("topic")
    parser.add_argument("--rate", type=float, default=200.0, help="alerts a second")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long")
    parser.add_argument("--seed", type=int, default=1, help="of the first sky")
    options = parser.parse_args()
    until = time.monotonic() + options.minutes * 60
    some = itertools.takewhile(lambda _: time.monotonic() < until, packets(options.seed))
    produce(some, options.topic, rate=options.rate)
    return 0


if __name__ == "__main__":
    sys.exit(main())
