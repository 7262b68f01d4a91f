"""Put packets from files into a Kafka topic: `python -m dev.feed PATH... [--topic T]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from consumer.files.names import printable
from consumer.files.reading import Remark, read
from dev.produce import Message, produce, topic_of_tonight


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("python -m dev.feed", description=__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH")
    parser.add_argument("--topic", default=topic_of_tonight())
    parser.add_argument("--partitions", type=int, default=1, help="of a topic that is created")
    parser.add_argument("--rate", type=float, help="messages a second at most")
    parser.add_argument("--sent", type=Path, help="file for a line of JSON on each message")
    return parser.parse_args()


def found(path: str, faults: list[Remark]) -> Iterator[Message]:
    """The packets of a path; what cannot be read is told, and noted."""
    for item in read(path):
        if isinstance(item, Remark):
            tqdm.write(printable(f"feed: {item.place}: {item.text}"), file=sys.stderr)
            faults += [item] if item.fault else []
        else:
            yield item


def main() -> int:
    """Feed, and say how many messages it were; 1 where something could not be read."""
    args = arguments()
    faults: list[Remark] = []
    messages = (one for path in args.paths for one in found(path, faults))
    count = produce(
        tqdm(messages, unit=" messages", disable=None),
        args.topic,
        partitions=args.partitions,
        rate=args.rate,
        sent=args.sent,
    )
    print(f"{count:,} messages put into {args.topic}")
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
