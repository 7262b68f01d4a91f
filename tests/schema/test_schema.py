"""schemathesis over the whole of openapi.json, against the running app: not one failure."""

import json
import tomllib
from pathlib import Path

import pytest

from tests.schema.conftest import SETTINGS
from tests.schema.reading import Run
from tests.schema.refusals import excused

DOCUMENT = json.loads(Path("openapi.json").read_bytes())
LEFT_OUT = {
    name
    for told in tomllib.loads(SETTINGS.read_text())["operations"]
    if not told.get("enabled", True)
    for name in (*told.get("include-path", ()), told.get("include-operation-id"))
}
"""Paths and operations that other tests ask (schemathesis.toml says which)."""
OPERATIONS = [
    f"{method.upper()} {path}"
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if path not in LEFT_OUT and operation["operationId"] not in LEFT_OUT
]
AS_ANOTHER = ("GET /api/v1/objects/{object_id}/alerts", "POST /api/v1/match/jobs")
"""Operations whose parameters are covered at another (schemathesis.toml)."""
PHASES = ("examples", "coverage", "fuzzing", "stateful")
CHECKS = """
not_a_server_error status_code_conformance content_type_conformance response_headers_conformance
response_schema_conformance negative_data_rejection positive_data_acceptance
missing_required_header unsupported_method allow_header_conformance use_after_free
ensure_resource_availability ignored_auth object_level_authorization
""".split()


def test_no_failure_and_no_error(run: Run) -> None:
    report = run.report
    assert (report["failures"], report["errors"]) == ([], []), run.said
    assert report["complete"], report["stop_reason"]
    assert report["test_cases"]["errored"] == 0, run.said
    # A warning fails it too (schemathesis.toml).
    assert report["exit_code"] == 0, run.said


def test_every_phase_with_every_check(run: Run) -> None:
    told = run.report["phases"]
    assert {name: told[name]["status"] for name in told} == dict.fromkeys(PHASES, "success")
    assert {case.phase for case in run.cases} == set(PHASES)
    outcomes = {outcome for case in run.cases for outcome in case.checks}
    assert {name for name, _ in outcomes} == set(CHECKS)


def test_every_operation_is_asked_and_answers(run: Run) -> None:
    assert run.report["operations"]["tested"] == len(OPERATIONS)
    for operation, cases in run.of_operations(OPERATIONS).items():
        assert any(case.positive and 200 <= case.status < 300 for case in cases), operation
        wanted = {"fuzzing"} if operation in AS_ANOTHER else {"coverage", "fuzzing"}
        assert {case.phase for case in cases} >= wanted, operation


def test_whatever_is_refused_is_a_problem(run: Run) -> None:
    refused = [case for case in run.cases if case.status >= 400]
    assert len(refused) > 1000
    assert {case.media_type for case in refused} == {"application/problem+json"}
    assert max(case.status for case in refused) < 500


def test_few_sound_requests_are_refused(run: Run) -> None:
    """The table of refusals is for corners, not for the most of what was asked."""
    sound = [case for case in run.cases if case.positive]
    excepted = [case for case in sound if case.refusals]
    assert len(excepted) < len(sound) / 7


@pytest.mark.parametrize(
    ("status", "errors", "excused_by"),
    [
        (
            422,
            [{"parameter": "as_of", "reason": "the newest batch is 4; give it or an earlier one"}],
            1,
        ),
        (422, [{"parameter": "as_of", "reason": "not an integer"}], 0),
        (
            422,
            [{"parameter": "limit", "reason": "the newest batch is 4; give it or an earlier one"}],
            0,
        ),
        (
            400,
            [{"parameter": "as_of", "reason": "the newest batch is 4; give it or an earlier one"}],
            0,
        ),
        (422, [], 0),
    ],
)
def test_a_refusal_needs_a_line_for_each_error(
    status: int, errors: list[dict[str, str]], excused_by: int
) -> None:
    assert len(excused(status, {"errors": errors})) == excused_by
    unknown = {"parameter": "cone", "reason": "it is Tuesday"}
    assert not excused(status, {"errors": [*errors, unknown]})
