"""Put packets from files into a Kafka topic: `python -m dev.feed PATH... [--topic T]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from archive.errors import BadInput
from consumer.backfill import messages
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


def main() -> None:
    """Feed, and say how many messages it were."""
    args = arguments()
    found: Iterable[Message] = (one for path in args.paths for one in messages(path))
    count = produce(
        tqdm(found, unit=" messages", disable=None),
        args.topic,
        partitions=args.partitions,
        rate=args.rate,
        sent=args.sent,
    )
    print(f"{count:,} messages put into {args.topic}")


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
