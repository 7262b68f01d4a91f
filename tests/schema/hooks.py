"""What schemathesis is told beside openapi.json; it runs in an environment of its own.

Bodies that are tables are written as such. Of parameters that exclude each other one is kept. A
cursor is one that the server gave out for the very same search.
"""

import csv
import io
import json
import time
from functools import cache
from typing import Any, Final
from xml.sax.saxutils import escape

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import RejectedPositiveData

from tests.schema.refusals import excused

EXCLUDING: Final = (("name", "cone"), ("after", "cursor"), ("since", "as_of"))
"""The first is dropped where both are given, unless it is the one that is being tested."""
SEARCHES: Final = "/api/v1/search/jobs"
RESULTS: Final = "/api/v1/jobs/{job}/alerts.{suffix}"
REGIONS: Final = "/api/v1/regions"
MOC: Final = "6/21000-21003 7/84020"
_COLUMNS: Final = ("id", "ra", "dec", "radius")
_ROWS: Final = st.lists(
    st.tuples(
        st.text("abc 0123456789,<&é", max_size=20),
        st.floats(0, 360),
        st.floats(-90, 90),
        st.sampled_from(("0.001", "1e-3", '2"', "0.5'", "0.01d")),
    ),
    min_size=1,
    max_size=5,
)


def as_csv(rows: list[tuple[Any, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([_COLUMNS, *rows])
    return out.getvalue()


def as_votable(rows: list[tuple[Any, ...]]) -> str:
    fields = "".join(f'<FIELD name="{name}" datatype="char" arraysize="*"/>' for name in _COLUMNS)
    cells = ("".join(f"<TD>{escape(str(cell))}</TD>" for cell in row) for row in rows)
    data = "".join(f"<TR>{row}</TR>" for row in cells)
    table = f"<TABLE>{fields}<DATA><TABLEDATA>{data}</TABLEDATA></DATA></TABLE>"
    return f"<VOTABLE><RESOURCE>{table}</RESOURCE></VOTABLE>"


FILTERS: Final = (
    *("chipsf__lt:5", "ssnamenr__isnull:true", "field__in:500,501", "fid:2", "tooflag__gte:0"),
    *("pdiffimfilename:a.fits", "drb__isnull:false", "neargaia__lte:1.5", "candid__gt:1"),
    *("time__gte:2018-07-17", "ra__lte:360", "scorr__lt:-1e300", "nosuchfield:1", "rb__gte:x"),
)
schemathesis.openapi.format("filter", st.sampled_from(FILTERS))
TABLES: Final = {"text/csv": as_csv, "application/x-votable+xml": as_votable}
for media_type, write in TABLES.items():
    schemathesis.openapi.format(media_type, _ROWS.map(write))


# The two kinds of XML would else be taken for those of our VOTable, and wrap its text in a tag.
@schemathesis.serializer(*TABLES, "application/xml", "text/xml")
def as_it_is(_: Any, value: Any) -> bytes:
    """A table is a text to the schema, and its bytes are that text's."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@schemathesis.hook
def before_load_schema(_: Any, raw_schema: dict[str, Any]) -> None:
    """Say of a body's text that it is a table, of a filter that it is one: no schema says it."""
    for operations in raw_schema["paths"].values():
        for operation in operations.values():
            content = operation.get("requestBody", {}).get("content", {})
            for media_type in TABLES.keys() & content.keys():
                content[media_type]["schema"] = {"type": "string", "format": media_type}
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "where":
                    parameter["schema"]["items"] = {"type": "string", "format": "filter"}
    query = raw_schema["components"]["schemas"]["SearchQuery"]["properties"]
    query["where"]["items"] = {"type": "string", "format": "filter"}


@schemathesis.hook
def before_call(_: Any, case: Any, __: dict[str, Any]) -> None:
    """Make a sound request of one that is meant to be accepted."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.path == SEARCHES and isinstance(case.body, dict):
        case.body = _combinable(case.body)
    if case.path == RESULTS:
        base = case.operation.base_url or case.operation.schema.get_base_url()
        case.path_parameters = {"job": _finished_job(base), "suffix": "parquet"}
    if case.path == REGIONS:
        _send_region(case)
    if case.path.startswith(REGIONS) and case.path_parameters:
        base = case.operation.base_url or case.operation.schema.get_base_url()
        case.path_parameters = {**case.path_parameters, "region": _kept_region(base)}
    if not case.query:
        return
    tested = getattr(case.meta.phase.data, "parameter", None)
    query = dict(case.query)
    for pair in EXCLUDING:
        if all(str(query.get(name, "")) for name in pair):
            del query[pair[1] if tested == pair[0] else pair[0]]
    if query.get("cursor"):
        token = _next(case, query)
        query |= {"cursor": token}
        if token is None:
            del query["cursor"]
    if query != case.query:
        case.query = query


@cache
def _finished_job(base: str) -> str:
    """A search job that has a result: those that are sent among other cases wait in a long row."""
    address = base.rstrip("/")
    job = requests.post(f"{address}{SEARCHES}", json={"limit": 5}, timeout=30).json()
    while job["result"] is None:
        time.sleep(0.1)
        job = requests.get(f"{address}/api/v1/jobs/{job['id']}", timeout=30).json()
    return str(job["id"])


@cache
def _kept_region(base: str) -> str:
    """A region that was sent before: an id of the right shape is that of none."""
    headers = {"Content-Type": "text/plain"}
    address = f"{base.rstrip('/')}{REGIONS}"
    return str(requests.post(address, data=MOC, headers=headers, timeout=30).json()["id"])


def _send_region(case: Any) -> None:
    """A region where the schema knows texts and files only; its level in the form or beside it."""
    if case.media_type == "text/plain":
        case.body = MOC
    if case.media_type == "multipart/form-data" and isinstance(case.body, dict):
        level = {n: v for n, v in case.body.items() if n == "credible_level"}
        case.body = {"moc": MOC, **level}
        if level and case.query:
            case.query = {n: v for n, v in case.query.items() if n != "credible_level"}


def _combinable(body: dict[str, Any]) -> dict[str, Any]:
    """A query in a body without what excludes something else in it, and without a cursor."""
    dropped = {"cursor"} | {other for name, other in EXCLUDING if {name, other} <= body.keys()}
    return {name: value for name, value in body.items() if name not in dropped}


def _next(case: Any, query: dict[str, Any]) -> str | None:
    """The cursor that an answer of one row to the same search ends with."""
    base = case.operation.base_url or case.operation.schema.get_base_url()
    asked = case.as_transport_kwargs(base_url=base)
    left_out = ("cursor", "format")
    asked["params"] = {k: v for k, v in query.items() if k not in left_out} | {"limit": 1}
    answer = requests.request(**asked, timeout=30)
    return answer.json().get("next") if answer.ok else None


@schemathesis.hook
def filter_failure(_: Any, failure: Any, case: Any, response: Any) -> bool:
    """Let pass what openapi.json cannot say."""
    if isinstance(failure, AcceptedNegativeData):
        return not _wrong_by_blanks(case)
    if not isinstance(failure, RejectedPositiveData):
        return True
    try:
        body = json.loads(response.content)
    except ValueError:
        return True
    return not excused(response.status_code, body)


def _wrong_by_blanks(case: Any) -> bool:
    """Whether all that breaks the schema are query parameters without a value, which are absent."""
    changed = case.meta.phase.data
    names = {changed.parameter, *(m.parameter for m in getattr(changed, "mutations", ()))} - {None}
    in_query = changed.parameter_location is ParameterLocation.QUERY
    blank = [not str(case.query.get(name, "-")).strip() for name in names]
    return in_query and bool(blank) and all(blank)
