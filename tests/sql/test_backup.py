"""A backup that is made and restored as docs/operations.md tells is the archive again."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Final

import pytest

from archive.migrate import migrate
from tests.conftest import Place, new_place, url_of
from tests.consumer.commands import consumer
from tests.sql.earlier import columns_of, connect, fill, rows_of
from tests.sql.test_schema import dump

PAGE: Final = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
TOLD: Final = PAGE.partition("## Backup and restore")[2].partition("## Secrets")[0]


def options(program: str) -> list[str]:
    """How the page calls it, without its files and databases."""
    (command,) = re.findall(rf"\b({program} -.*?)(?:`| #|$)", TOLD, re.M)
    return [
        word
        for word in shlex.split(command)[1:]
        if word.startswith("-") and not word.startswith(("--file=", "--dbname="))
    ]


@pytest.mark.parametrize("whole", [True, False])
async def test_a_backup_is_the_archive_again(place: Place, tmp_path: Path, whole: bool) -> None:
    await fill(place)
    admin = await connect(place)
    # The ledger knows no replay that settled one.
    await admin.execute("DELETE FROM replayed")
    await admin.execute("INSERT INTO app.name (name, source) VALUES ('nobody', 'CDS Sesame')")
    file = tmp_path / "mars.dump"
    without = [] if whole else re.findall(r"--exclude-table-data=\S+?(?=`)", TOLD)
    assert whole or without
    run("pg_dump", *options("pg_dump"), *without, f"--file={file}", plain_url(place))
    async with new_place() as empty:
        run("pg_restore", *options("pg_restore"), f"--dbname={plain_url(empty)}", str(file))
        assert await migrate(empty.settings("owner")) == []
        # PostgreSQL writes fewer of a view that it has read back.
        assert re.sub("[()]", "", dump(empty)) == re.sub("[()]", "", dump(place))
        other = await connect(empty)
        columns = await columns_of(admin, "public", "app", "tap_schema")
        before, now = await rows_of(admin, columns), await rows_of(other, columns)
        lost = [] if whole else ["app.name"]
        assert [table for table in columns if now[table] != before[table]] == lost
        assert await other.fetchval("SELECT skip_batches(1000000)") > 1_000_000
        await other.close()
        # The bytes are where they were.
        restored = empty._replace(bucket=place.bucket)
        assert "no fault" in await consumer(restored, "verify")
    await admin.close()


def plain_url(place: Place) -> str:
    return url_of("admin", place.database).replace("+asyncpg", "")


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
