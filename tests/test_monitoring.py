"""Alert rules and dashboard: they know the metrics that there are, fire in time, are explained."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml
from prometheus_client import REGISTRY, CollectorRegistry

import consumer.metrics  # noqa: F401 - its metrics are made by the import
from app.main import create_app
from app.metrics import _OF_SERVER
from app.settings import Settings

ROOT: Final = Path(__file__).parents[1]
RULES: Final = ROOT / "monitoring" / "rules.yaml"
DASHBOARD: Final = ROOT / "monitoring" / "dashboard.json"
PAGE: Final = (ROOT / "docs" / "operations.md").read_text()
PARTS: Final = ("_total", "_bucket", "_sum", "_count")
FETCHED: Final = ROOT / ".local" / "lib" / "prometheus" / "usr" / "bin" / "promtool"
PROMTOOL: Final = shutil.which("promtool") or (str(FETCHED) if FETCHED.exists() else None)


class Case(NamedTuple):
    """Series as promtool writes them, the minutes after which it looks, the labels it expects."""

    alert: str
    series: dict[str, str]
    minutes: int
    labels: dict[str, str]


PAGED: Final = {"severity": "page"}
WARNED: Final = {"severity": "warn"}
CASES: Final = [
    Case("MarsConsumerDown", {'up{job="mars-consumer",instance="c"}': "0x20"}, 10,
         PAGED | {"job": "mars-consumer", "instance": "c"}),
    Case("MarsConsumerStuck", {'mars_progress_timestamp_seconds{instance="c"}': "60x60"}, 10,
         PAGED | {"instance": "c"}),
    Case("MarsLagGrows", {'mars_lag_messages{topic="t",partition="0"}': "0+1000x60"}, 50,
         WARNED | {"topic": "t"}),
    Case("MarsPartitionHeld", {'mars_held{topic="t",partition="0"}': "1x20"}, 10,
         PAGED | {"topic": "t", "partition": "0"}),
    Case("MarsWaitsForAStore", {'mars_batch_retries_total{instance="c"}': "0+1x60"}, 30,
         PAGED | {"instance": "c"}),
    Case("MarsRejects", {'mars_packets_total{outcome="rejected"}': "0+2x120",
                         'mars_packets_total{outcome="stored"}': "0+100x120"}, 100, WARNED),
    Case("MarsRefused", {'mars_refused_total{instance="c"}': "0x30 1x60"}, 60,
         WARNED | {"instance": "c"}),
    Case("MarsConflicts", {'mars_conflicts_total{instance="c"}': "0x30 1x60"}, 60,
         WARNED | {"instance": "c"}),
    Case("MarsAppDown", {'up{job="mars-app",instance="a"}': "0x20"}, 10,
         PAGED | {"job": "mars-app", "instance": "a"}),
    Case("MarsErrors", {'mars_http_requests_total{status="503"}': "0+5x30",
                        'mars_http_requests_total{status="200"}': "0+100x30"}, 20, PAGED),
    Case("MarsSlow", {'mars_http_request_seconds_bucket{le="1",route="/"}': "0+9x60",
                      'mars_http_request_seconds_bucket{le="5",route="/"}': "0+20x60",
                      'mars_http_request_seconds_bucket{le="+Inf",route="/"}': "0+20x60"}, 40,
         WARNED | {"route": "/"}),
    Case("MarsConnectionsUsedUp", {'mars_database_connections_in_use{instance="a"}': "10x20"}, 10,
         WARNED | {"instance": "a"}),
    Case("MarsCostlyRefused", {'mars_costly_refused{instance="a"}': "0+5x30"}, 20,
         WARNED | {"instance": "a"}),
    Case("MarsJobTroubles", {'mars_job_troubles_total{instance="a",part="run"}': "0+1x90"}, 80,
         WARNED | {"instance": "a", "part": "run"}),
    Case("MarsWebhooksFail", {'mars_webhook_tries_total{outcome="failed"}': "0+2x240",
                              'mars_webhook_tries_total{outcome="taken"}': "0+1x240"}, 200, WARNED),
    Case("MarsMailsFail", {'mars_mail_tries_total{outcome="failed"}': "0+2x240",
                           'mars_mail_tries_total{outcome="taken"}': "0+1x240"}, 200, WARNED),
    Case("MarsServerDown", {'mars_database_up{server="b:5432"}': "0x20"}, 10,
         WARNED | {"server": "b:5432"}),
    Case("MarsNotOnePrimary", {'mars_database_primary{instance="a",server="b:5432"}': "1x20",
                               'mars_database_primary{instance="a",server="c:5432"}': "1x20"}, 10,
         PAGED | {"instance": "a"}),
    Case("MarsReplicaBehind", {'mars_database_seconds_behind{server="b:5432"}': "31x20"}, 10,
         WARNED | {"server": "b:5432"}),
    Case("MarsCatalogOld", {'mars_columns_as_of{instance="a"}': "7x2000",
                            'mars_batches_total{kind="stream"}': "0+1x2000"}, 1700,
         WARNED | {"instance": "a"}),
]  # fmt: skip
CALM: Final = {
    'up{job="mars-consumer",instance="c"}': "1x2000",
    'up{job="mars-app",instance="a"}': "1x2000",
    'mars_progress_timestamp_seconds{instance="c"}': "0+60x2000",
    'mars_lag_messages{topic="t",partition="0"}': "30000-10x2000",
    'mars_held{topic="t",partition="0"}': "0x2000",
    'mars_batch_retries_total{instance="c"}': "3x2000",
    'mars_packets_total{outcome="rejected"}': "0+1x2000",
    'mars_packets_total{outcome="stored"}': "0+1000x2000",
    'mars_refused_total{instance="c"}': "2x2000",
    'mars_conflicts_total{instance="c"}': "2x2000",
    'mars_http_requests_total{status="503"}': "0+1x2000",
    'mars_http_requests_total{status="200"}': "0+200x2000",
    'mars_http_request_seconds_bucket{le="1",route="/"}': "0+100x2000",
    'mars_http_request_seconds_bucket{le="+Inf",route="/"}': "0+101x2000",
    'mars_database_connections_in_use{instance="a"}': "9x2000",
    'mars_costly_refused{instance="a"}': "20x2000",
    'mars_scans_refused{instance="a"}': "20x2000",
    'mars_job_troubles_total{instance="a",part="run"}': "3x2000",
    'mars_webhook_tries_total{outcome="failed"}': "0+1x2000",
    'mars_webhook_tries_total{outcome="taken"}': "0+2x2000",
    'mars_mail_tries_total{outcome="failed"}': "0+1x2000",
    'mars_mail_tries_total{outcome="taken"}': "0+2x2000",
    'mars_database_up{server="b:5432"}': "1x2000",
    'mars_database_primary{instance="a",server="b:5432"}': "1x2000",
    'mars_database_primary{instance="a",server="c:5432"}': "0x2000",
    'mars_database_seconds_behind{server="c:5432"}': "29x2000",
    'mars_columns_as_of{instance="a"}': "7x1000 8x1000",
    'mars_batches_total{kind="stream"}': "0+1x2000",
}
"""As much as may be on a good day."""


def rules() -> list[dict[str, Any]]:
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def metrics() -> set[str]:
    """The names of all that app and consumer tell, without the endings of counts and times."""
    app = create_app(Settings())
    registries: tuple[CollectorRegistry, ...] = (REGISTRY, registry_of(app))
    names = {family.name for one in registries for family in one.collect()}
    return {name for name in names if name.startswith("mars_")} | REPORTED


def registry_of(app: Any) -> CollectorRegistry:
    (found,) = [
        middleware.kwargs["metrics"].registry
        for middleware in app.user_middleware
        if "metrics" in middleware.kwargs
    ]
    assert isinstance(found, CollectorRegistry)
    return found


REPORTED: Final = {f"mars_database_{name}" for name, _, _ in _OF_SERVER} | {
    "mars_database_connections_in_use",
    "mars_columns_as_of",
    *(
        f"mars_{which}_{what}"
        for which in ("costly", "scans")
        for what in ("free", "waiting", "refused")
    ),
}
"""What an app tells of its database once it is connected; tests/app/test_operation.py sees them."""


def named_in(expression: str) -> Iterator[str]:
    for name in re.findall(r"\bmars_\w+", expression):
        ending = next((part for part in PARTS if name.endswith(part)), "")
        yield name.removesuffix(ending)


def test_every_metric_that_rules_and_dashboard_name_exists() -> None:
    expressions = [rule["expr"] for rule in rules()]
    expressions += [target["expr"] for panel in panels() for target in panel.get("targets", [])]
    named = {name for expression in expressions for name in named_in(expression)}
    assert named - metrics() == set()
    assert len(named) > 20


def test_the_runbook_tells_what_each_metric_means_and_names_no_other() -> None:
    told = set(re.findall(r"^\| `(mars_\w+)`", PAGE, re.M))
    assert {next(named_in(name)) for name in told} == metrics()


def test_the_runbook_has_each_alert() -> None:
    assert re.findall(r"^\| `(Mars\w+)` \|", PAGE, re.M) == [rule["alert"] for rule in rules()]


def test_each_alert_says_how_urgent_it_is_and_what_is_wrong() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "warn"}
        assert rule["annotations"]["summary"].strip()


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    """Ids once, places that do not overlap, a data source that the importer chooses."""
    board = json.loads(DASHBOARD.read_text())
    assert board["title"] == "MARS"
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
        assert panel["datasource"]["uid"] == "${source}"
    assert [one["name"] for one in board["templating"]["list"]] == ["source"]


def test_there_is_a_case_for_each_alert() -> None:
    assert [case.alert for case in CASES] == [rule["alert"] for rule in rules()]


@pytest.mark.skipif(
    PROMTOOL is None and "CI" not in os.environ,
    reason="Prometheus' promtool is not installed, and set-up fetches it on Debian alone",
)
def test_promtool_takes_the_rules_and_each_fires_when_it_should(tmp_path: Path) -> None:
    """One case for each, and a good day on which none fires."""
    assert PROMTOOL is not None
    file, bare = tmp_path / "cases.yaml", tmp_path / "rules.yaml"
    bare.write_text(yaml.safe_dump(_without_words()))
    every = {"evaluation_interval": "5m", "tests": [*_cases(), _calm()]}
    file.write_text(yaml.safe_dump({"rule_files": [str(bare)], **every}))
    for arguments in (["check", "rules", str(RULES)], ["test", "rules", str(file)]):
        done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _without_words() -> Any:
    """The rules without their summaries, which promtool would compare letter by letter."""
    known = yaml.safe_load(RULES.read_text())
    for group in known["groups"]:
        for rule in group["rules"]:
            del rule["annotations"]
    return known


def _cases() -> Iterator[dict[str, Any]]:
    for case in CASES:
        yield _test(case.series, [(case.alert, case.minutes, [{"exp_labels": case.labels}])])


def _calm() -> dict[str, Any]:
    return _test(CALM, [(rule["alert"], minutes, []) for rule in rules() for minutes in (60, 1700)])


def _test(series: dict[str, str], alerts: list[tuple[str, int, list[Any]]]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"alertname": alert, "eval_time": f"{minutes}m", "exp_alerts": expected}
            for alert, minutes, expected in alerts
        ],
    }
