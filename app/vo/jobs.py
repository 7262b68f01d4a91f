"""A query of TAP as a job: its phase and its parameters in the words of UWS 1.1, its work."""

from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Row

from app.answers.tabular import Origin
from app.errors import BadQuery
from app.incoming import read_in_turn
from app.jobs.results import get_part
from app.jobs.worker import Kind, Run
from app.vo.documents import render
from app.vo.formats import RESULTS
from app.vo.parameters import MAX_JOB_ROWS, read_query
from app.vo.running import Tap, Written, existing, prepare, read_blocks, write_result
from app.vo.uploads import read_upload
from archive.objects import Bytes, ObjectStore

TAP: Final = "tap"
PHASES: Final = {
    "pending": "PENDING",
    "queued": "QUEUED",
    "running": "EXECUTING",
    "done": "COMPLETED",
    "failed": "ERROR",
    "aborted": "ABORTED",
}
ENDED: Final = ("done", "failed", "aborted")
KNOWN: Final = "REQUEST LANG QUERY FORMAT RESPONSEFORMAT MAXREC UPLOAD RUNID VERSION".split()
"""Parameters that a job keeps."""


def kept_parameters(given: Mapping[str, str]) -> list[list[str]]:
    """What a row of app.job keeps of the parameters."""
    return [[name, given[name]] for name in KNOWN if name in given]


def result_file(parameters: Mapping[str, str]) -> str:
    """The name of a result's file. One without a right FORMAT is never written."""
    try:
        return f"result.{RESULTS[read_query(parameters, MAX_JOB_ROWS).format].suffix}"
    except BadQuery:
        return "result.vot"


def media_type(file: str) -> str:
    """The media type of a result's file."""
    suffix = file.rpartition(".")[2]
    return next(known.media_type for known in RESULTS.values() if known.suffix == suffix)


def describe(row: Row[Any], public_url: str, longest_s: float) -> str:
    """The document of a job."""
    return render(
        "job",
        job=row,
        phase=PHASES[row.status],
        parameters=[(name, text) for name, text in row.parameters],
        address=f"{public_url}/vo/tap/async/{row.id}",
        media_type=media_type(row.file),
        longest=round(longest_s),
        utc=utc,
    )


def utc(moment: datetime) -> str:
    """A time as UWS has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def read_time(text: str) -> datetime:
    """A time in ISO 8601; UTC unless it says otherwise. Raises BadQuery."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadQuery(f"{text[:40]!r} is no time: write 2026-12-31T00:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def tap_kind(tap: Tap | None, store: ObjectStore, public_url: str) -> Kind:
    """Queries of TAP as a kind of work."""

    async def write(run: Run) -> AsyncGenerator[Bytes]:
        row, ready = run.row, existing(tap)
        query = read_query(dict(row.parameters), MAX_JOB_ROWS)
        uploads = [
            await read_in_turn(
                partial(read_upload, name), await get_part(store, row.id, n, row.parts[n])
            )
            for n, name in enumerate(query.uploads)
        ]
        result, written = await prepare(query, uploads), Written()
        blocks = read_blocks(ready.lasting, ready.lasting_s, result, uploads)
        origin = Origin(public_url, f"{public_url}/vo/tap/async/{row.id}", None)
        async for piece in write_result(blocks, query, origin, written):
            run.done = written.rows
            yield piece
        run.told |= {"found": written.rows}

    return Kind(TAP, write, "narrow it by a circle, an object_id or a range of jd")
