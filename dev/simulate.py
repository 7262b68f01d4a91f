"""Simulated alerts into a folder, a nightly tarball or Kafka: `python -m dev.simulate --to ...`.

With `--to archive` rows are copied into the archive that MARS_WRITER_DATABASE_URL (else
MARS_DATABASE_URL) and MARS_S3_* name: millions, for which no packets are made. They share
the bytes of a thousand real ones: stamps and packets can be had of every row, but are not its own.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from gzip import GzipFile
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dev.produce import Message, produce, topic_of_tonight
from dev.simulator import NIGHTS, Packet, simulate, tonight
from dev.simulator.bulk import fill
from dev.simulator.bulk.plan import NIGHTS as ARCHIVED_NIGHTS


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
    parser.add_argument("--nights", type=int, help="how many, up to the last one: "
                        f"{NIGHTS}, or {ARCHIVED_NIGHTS} in the archive")  # fmt: skip
    parser.add_argument("--rate", type=float, help="alerts a second at most")
    parser.add_argument(
        "--to", required=True, help="a folder, a .tar.gz or .tar file, kafka, or archive"
    )
    parser.add_argument("--topic", default=topic_of_tonight(), help="with --to kafka")
    parser.add_argument("--partitions", type=int, default=1, help="of a topic that is created")
    parser.add_argument("--sent", type=Path, help="with --to kafka: a line of JSON on each message")
    parser.add_argument("--histories", type=float, default=0.0, metavar="SHARE",
                        help="with --to archive: the share, 0 to 1, of objects that get histories "
                        "(some 2 kB an alert); the others have alerts only")  # fmt: skip
    parser.add_argument("--again", action="store_true", help="with --to archive: add --count "
                        "alerts; without it only those that the ledger misses")  # fmt: skip
    return parser.parse_args()


def night(text: str) -> date:
    """A night as ZTF writes it."""
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()


def noted(packets: Iterable[Packet], seen: Counter[tuple[str, str]]) -> Iterator[Packet]:
    """Packets; their kinds and names are counted, a body's by its designation."""
    for packet in packets:
        body = packet.record["candidate"]["ssnamenr"]
        seen[packet.kind, packet.record["objectId"] if body == "null" else body] += 1
        yield packet


def show(seen: Counter[tuple[str, str]]) -> None:
    """Name the object of each kind that has most alerts."""
    shown: set[str] = set()
    for (kind, name), count in seen.most_common():
        if kind not in shown:
            print(f"  {kind}: {name}, {count} alerts")
            shown.add(kind)


def to_archive(args: argparse.Namespace) -> None:
    """Fill the archive, unless the rows are there."""
    nights = args.nights or ARCHIVED_NIGHTS
    wanted = fill.Wanted(
        args.count, args.seed, args.night, nights, args.histories, again=args.again
    )
    start = time.monotonic()
    count = asyncio.run(fill.fill(wanted, fill.settings()))
    if count:
        seconds = time.monotonic() - start
        print(f"{count:,} alerts of {wanted.source} written in {seconds:.1f} s")
    else:
        print(f"{wanted.source}: {args.count:,} alerts are there already (--again adds more)")


def main() -> None:
    """Simulate, and say how many alerts went where."""
    args = arguments()
    if args.to == "archive":
        to_archive(args)
        return
    seen: Counter[tuple[str, str]] = Counter()
    alerts = noted(simulate(args.count, args.seed, args.night, args.nights or NIGHTS), seen)
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
        show(seen)
        return
    write = to_tarball if args.to.endswith((".tar", ".tar.gz", ".tgz")) else to_folder
    count = write(paced(packets, args.rate), Path(args.to))
    print(f"{count:,} alerts written to {args.to}")
    show(seen)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
