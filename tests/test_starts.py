"""What programs import when they start: not what only some of their work needs."""

import subprocess
import sys

import pytest

from app import late

SPARED = {
    "app.main": "aiokafka astropy cdshealpix duckdb matplotlib mocpy pandas PIL pyarrow sqlglot",
    "app.columns.duck": "aioboto3 aiokafka asyncpg astropy fastapi matplotlib pandas sqlalchemy",
    "app.tokens.__main__": "aioboto3 aiokafka astropy duckdb fastapi httpx numpy pyarrow sqlglot",
    "archive.migrate": "aioboto3 aiokafka astropy duckdb fastapi httpx numpy pyarrow sqlglot",
    "catalog.__main__": "aiokafka duckdb fastapi matplotlib mocpy pandas pgqueuer PIL sqlglot",
    "consumer.__main__": "duckdb fastapi matplotlib mocpy pandas pgqueuer PIL pyarrow sqlglot",
    "dev.demo": "aioboto3 astropy duckdb fastapi matplotlib pandas pyarrow sqlalchemy",
    "dev.simulate": "astropy duckdb fastapi matplotlib pandas pyarrow",
    "dev.stack": "aioboto3 aiokafka astropy asyncpg fastapi httpx numpy pyarrow sqlalchemy",
}
"""Each program, and libraries that would cost its start time or memory for nothing."""
AT_ONCE = """
import threading
from app import late

begin, missing = threading.Barrier(len(late.MODULES)), []

def use(name):
    begin.wait()
    try:
        getattr(late, name)
    except BaseException as error:
        missing.append(f"{name}: {error!r}")

threads = [threading.Thread(target=use, args=(name,)) for name in late.MODULES]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(missing)
"""


def told_by(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("program", SPARED)
def test_programs_start_without_what_they_may_never_need(program: str) -> None:
    spared = SPARED[program].split()
    loaded = f"import sys, {program}\nprint(*(n for n in {spared} if n in sys.modules))"
    assert told_by(loaded) == ""


def test_what_is_imported_late_can_be_imported_by_many_threads_at_once() -> None:
    assert told_by(AT_ONCE) == "[]"


def test_an_unknown_name_is_no_late_module() -> None:
    with pytest.raises(AttributeError, match="has no attribute numpy"):
        late.numpy  # noqa: B018
