"""Simulated alerts into a folder, a nightly tarball or Kafka: `python -m dev.simulate --to ...`."""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from gzip import GzipFile
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dev.produce import Message, produce, topic_of_tonight
from dev.simulator import NIGHTS, Packet, simulate, tonight


def to_folder(packets: Iterable[Packet], folder: Path) -> int:
    """One file a packet, named by its candid."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, content in named(packets):
        (folder / name).write_bytes(content)
        count += 1
    return count


def to_tarball(packets: Iterable[Packet], path: Path) -> int:
    """A tarball like ZTF's nightly ones: one flat row of files. No times, so same bytes again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with ExitStack() as stack:
        file: Any = stack.enter_context(path.open("wb"))
        if path.suffix != ".tar":
            file = stack.enter_context(GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0))
        archive = stack.enter_context(tarfile.open(fileobj=file, mode="w|"))
        for name, content in named(packets):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
            count += 1
    return count


def named(packets: Iterable[Packet]) -> Iterator[Message]:
    """Packets as files: name and content."""
    return ((f"{packet.candid}.avro", packet.message) for packet in packets)


def paced(packets: Iterable[Packet], rate: float | None) -> Iterator[Packet]:
    """Packets, at most `rate` a second."""
    start = time.monotonic()
    for number, packet in enumerate(packets):
        if rate:
            time.sleep(max(start + number / rate - time.monotonic(), 0))
        yield packet


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("python -m dev.simulate", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many alerts")
    parser.add_argument("--seed", type=int, default=1, help="same seed and night, same bytes")
    parser.add_argument("--night", type=night, default=tonight(), help="the last one, YYYYMMDD")
    parser.add_argument("--nights", type=int, default=NIGHTS, help="how many, up to the last one")
    parser.add_argument("--rate", type=float, help="alerts a second at most")
    parser.add_argument("--to", required=True, help="a folder, a .tar.gz or .tar file, or kafka")
    parser.add_argument("--topic", default=topic_of_tonight(), help="with --to kafka")
    parser.add_argument("--partitions", type=int, default=1, help="of a topic that is created")
    parser.add_argument("--sent", type=Path, help="with --to kafka: a line of JSON on each message")
    return parser.parse_args()


def night(text: str) -> date:
    """A night as ZTF writes it."""
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()


def main() -> None:
    """Simulate, and say how many alerts went where."""
    args = arguments()
    alerts = simulate(args.count, args.seed, args.night, args.nights)
    packets = tqdm(alerts, total=args.count, unit=" alerts", disable=None)
    if args.to == "kafka":
        count = produce(
            named(packets),
            args.topic,
            partitions=args.partitions,
            rate=args.rate,
            sent=args.sent,
        )
        print(f"{count:,} alerts put into {args.topic}")
        return
    write = to_tarball if args.to.endswith((".tar", ".tar.gz", ".tgz")) else to_folder
    count = write(paced(packets, args.rate), Path(args.to))
    print(f"{count:,} alerts written to {args.to}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
