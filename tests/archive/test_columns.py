"""The one list of columns, held against what ZTF sent."""

import csv
import io
import json
from pathlib import Path
from typing import Any, Final

import fastavro

from archive.surveys.ztf.columns import CANDIDATE, DERIVED

WIRE: Final = {"objectId": "object_id", "schemavsn": "schemavsn", "publisher": "publisher"}
"""Columns that stand beside the candidate in a packet."""
NEW_IN_3_0: Final = frozenset(
    {
        *("dsnrms", "ssnrms", "dsdiff", "magzpsci", "magzpsciunc", "magzpscirms", "nmatches"),
        *("clrcoeff", "clrcounc", "zpclrcov", "zpmed", "clrmed", "clrrms"),
        *("neargaia", "neargaiabright", "maggaia", "maggaiabright"),
    }
)
"""By the packets of 3.0 that ZTF published (github.com/ZwickyTransientFacility/ztf-avro-alert,
data/472263571115115008.avro as of commit 7102fe68); among those here there are none."""


def fields_of(schema: Any) -> set[str]:
    """The columns that a writer's schema has."""
    types = {field["name"]: field["type"] for field in schema["fields"]}
    candidate = {field["name"] for field in types["candidate"]["fields"]}
    return candidate | {column for name, column in WIRE.items() if name in types}


def test_since_is_the_first_version_of_the_real_packets_that_has_a_field(real: Path) -> None:
    with (real / "ztf" / "manifest.csv").open() as file:
        names = sorted({row["file"] for row in csv.DictReader(file)})
    told = {c.name: float(c.since) for c in (*CANDIDATE, *DERIVED) if c.since}
    versions = set()
    for name in names:
        reader = fastavro.reader(io.BytesIO((real / "ztf" / name).read_bytes()))
        schema = json.loads(reader.metadata["avro.schema"])
        version = schema["version"]
        assert fields_of(schema) == {n for n, since in told.items() if since <= float(version)}, (
            name
        )
        versions.add(version)
    assert versions == {"1.7", "1.8", "2.0", "3.1", "3.2", "3.3", "3.5", "4.01", "4.02"}


def test_what_came_with_3_0_says_so() -> None:
    assert {c.name for c in CANDIDATE if c.since == "3.0"} == NEW_IN_3_0
    assert {c.name for c in CANDIDATE if c.since == "3.1"} == {"exptime"}
