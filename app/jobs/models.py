"""What every job says of itself, whatever it does."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from archive import times


class JobStatus(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


def job_address(public_url: str, job: str) -> str:
    """Where a job tells its progress, and is deleted."""
    return f"{public_url}/api/v1/jobs/{job}"


def tell_end(row: Row[Any], public_url: str) -> dict[str, Any]:
    """The part of a job's JSON that is the same for each kind, from its row."""
    where = f"{job_address(public_url, row.id)}/{row.file}"
    return {
        **{name: getattr(row, name) for name in ("as_of", "error", "size")},
        **{name: times.write_utc(getattr(row, name)) for name in ("created", "ended", "expires")},
        "result": where if row.status == JobStatus.DONE else None,
    }
