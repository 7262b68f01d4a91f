"""docs/operations.md says what is so: its commands, settings, metrics, answers and sums."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from app.routes.health import Readiness
from app.settings import Settings as AppSettings
from archive.database import addresses_of, migrations
from archive.settings import ArchiveSettings
from catalog.settings import Settings as CatalogSettings
from consumer.settings import Settings as ConsumerSettings
from dev import postgres, replicas
from dev.state import ROLES, read_settings

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "operations.md").read_text()
SQL = (ROOT / "sql" / "schema.sql").read_text()


def test_its_settings_exist() -> None:
    programs = (AppSettings, ConsumerSettings, CatalogSettings)
    known = {f"MARS_{name.upper()}" for program in programs for name in program.model_fields}
    # Those of an operator: compose's, and what `make env` prints.
    known |= set(re.findall(r"^(MARS_\w+)=", (ROOT / ".env.example").read_text(), re.M))
    known |= {f"MARS_{role.upper()}_DATABASE_URL" for role in ROLES}
    named = set(re.findall(r"\bMARS_[A-Z_]+\b", PAGE))
    assert named <= known
    assert {"MARS_DATABASE_URL", "MARS_APP_DATABASE_URL", "MARS_REPLICA_LAG_S"} <= named


def test_its_addresses_name_three_servers() -> None:
    """Each as SQLAlchemy and asyncpg read it, with the role that the program has."""
    given = re.findall(r"`MARS_\w+=(postgresql\S+)`", PAGE)
    assert len(given) == 2
    for url in given:
        assert len(addresses_of(ArchiveSettings(database_url=url))) == 3
    assert [re.findall(r"//mars_(\w+):.*attrs=(.*)", url)[0] for url in given] == [
        ("reader", "prefer-standby"),
        ("app", "primary"),
    ]


def test_its_commands_exist() -> None:
    made = set(re.findall(r"^make (\w+)", PAGE, re.M))
    assert made == {"up", "replicas"}
    assert made <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    words = set(re.findall(r"ARGS=(\w+)", PAGE))
    assert words | {"up"} == replicas.COMMANDS.keys()
    modules = set(re.findall(r"python -m ([\w.]+\w)", PAGE))
    files = {one: ROOT / one.replace(".", "/") for one in modules}
    missing = [
        one
        for one, path in files.items()
        if not (path / "__main__.py").exists() and not path.with_suffix(".py").exists()
    ]
    assert missing == []


def test_its_copies_are_made_as_pg_basebackup_takes_it() -> None:
    said = subprocess.run(
        [postgres.program("pg_basebackup"), "--help"], capture_output=True, text=True, check=True
    )
    (command,) = re.findall(r"`(pg_basebackup -D.*?)`", PAGE, re.S)
    options = re.findall(r"--[a-z-]+", command)
    assert options
    assert [one for one in options if one not in said.stdout] == []


def test_its_settings_of_postgresql_are_those_of_make() -> None:
    shared = read_settings(postgres.SETTINGS)
    given = dict(re.findall(r"`(?!target_session)([a-z_]+)=(\w+)`", PAGE))
    assert given.items() <= (replicas.SETTINGS | shared).items()
    assert {"hot_standby_feedback", "max_slot_wal_keep_size"} <= given.keys()


def test_its_statements_after_a_promotion_exist() -> None:
    assert re.findall(r"^(SELECT .*?;)", PAGE, re.M) == [
        "SELECT pg_promote();",
        "SELECT skip_batches(1000000);",
    ]
    assert "FUNCTION skip_batches" in SQL


def test_its_table_of_upgrades_has_every_schema() -> None:
    told = re.findall(r"^\| (\d+) \| (\d{4}): ", PAGE, re.M)
    assert [number for _, number in told] == [file.name[:4] for file in migrations()[1:]]
    assert all(int(schema) + 1 == int(number) for schema, number in told)


def test_its_answer_is_one_of_readyz() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, re.S)
    told = Readiness.model_validate_json(shown)
    assert [one.role for one in told.servers] == ["primary", "replica", None]
    assert json.loads(shown).keys() == Readiness.model_fields.keys()


def _numbers(row: str) -> list[float]:
    cells = [cell.strip().replace(",", "") for cell in row.split("|")[2:5]]
    return [float(re.sub(r" G?B$", "", cell)) for cell in cells]


ROWS = [row for row in PAGE.splitlines() if re.match(r"\| .* \| [\d.,]+ B \|", row)]


@pytest.mark.parametrize("row", ROWS)
def test_its_sums_are_right(row: str) -> None:
    """So many bytes an alert are as many gigabytes for a billion."""
    each, one, three = _numbers(row)
    assert [one, three] == pytest.approx([each, 3 * each])


def test_postgresql_is_the_sum_of_its_parts() -> None:
    (*parts, whole) = [_numbers(row)[0] for row in ROWS[:4]]
    assert "**PostgreSQL**" in ROWS[3]
    assert sum(parts) == whole


def test_its_files_are_there() -> None:
    for link in re.findall(r"\]\(([^)#:]+)", PAGE):
        assert (ROOT / "docs" / link).resolve().exists(), link
    assert "docs/operations.md" in (ROOT / "README.md").read_text()
    assert "docs/operations.md" in (ROOT / "ARCHITECTURE.md").read_text()
