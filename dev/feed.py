"""Put packets from files into a Kafka topic: `python -m dev.feed PATH... [--topic T]`."""

from __future__ import annotations

import argparse
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from dev.produce import Message, produce, topic_of_tonight


def messages(path: Path) -> Iterator[Message]:
    """The packets of a folder (with those below it, sorted), of a tarball, or of one file.

    A tarball is read as a stream and never unpacked.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*.avro")):
            yield str(file.relative_to(path)), file.read_bytes()
    elif path.name.endswith((".tar", ".tar.gz", ".tgz")):
        yield from tarball(path)
    else:
        yield path.name, path.read_bytes()


def tarball(path: Path) -> Iterator[Message]:
    """The .avro members of a tarball, in its order."""
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".avro"):
                content = archive.extractfile(member)
                assert content is not None  # it is a file
                yield member.name, content.read()


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("python -m dev.feed", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--topic", default=topic_of_tonight())
    parser.add_argument("--partitions", type=int, default=1, help="of a topic that is created")
    parser.add_argument("--rate", type=float, help="messages a second at most")
    parser.add_argument("--sent", type=Path, help="file for a line of JSON on each message")
    return parser.parse_args()


def main() -> None:
    """Feed, and say how many messages it were."""
    args = arguments()
    for path in args.paths:
        if not path.exists():
            sys.exit(f"there is no {path}")
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
    except KeyboardInterrupt:
        sys.exit(130)
