"""How a rehearsal reads compose.yaml: variables, order, what it refuses; its stand-ins."""

import re
from pathlib import Path

import pytest
import yaml

from dev.processes import StackError
from dev.rehearsal import compose, network, standins
from dev.rehearsal.compose import Health, Mount, in_order, read, runs
from dev.rehearsal.images import OURS, Image
from dev.rehearsal.jails import command_of
from dev.rehearsal.values import bytes_of, fill, seconds_of
from dev.state import CHECKOUT, read_settings

COMPOSE = CHECKOUT / "compose.yaml"
SECRETS = {name: f"secret-{name.lower()}" for name in read_settings(CHECKOUT / ".env.example")}


def services_of(folder: Path, text: str) -> dict[str, compose.Service]:
    path = folder / "compose.yaml"
    path.write_text(text)
    return read(path, {})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("$HERE and ${HERE}", "here and here"),
        ("${GONE}|$GONE|", "||"),
        ("${GONE:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY-other}", ""),
        ("${GONE-https://example.org/a?b}", "https://example.org/a?b"),
        ("${HERE:-other}", "here"),
        ("${HERE:?must}", "here"),
        ("${EMPTY?must}", ""),
        ("${HERE:+set}|${EMPTY:+set}|${EMPTY+set}", "set||set"),
        ("http://127.0.0.1:${GONE:-${PORT:-8000}}/", "http://127.0.0.1:9000/"),
        ("${GONE:-http://${GONE:-a}:${PORT}}!", "http://a:9000!"),
        ("${GONE:-[]}", "[]"),
        ("/data/$$BUCKET $${HERE}", "/data/$BUCKET ${HERE}"),
        ("%h", "%h"),
    ],
)
def test_variables_are_filled_in(text: str, filled: str) -> None:
    assert fill(text, {"HERE": "here", "EMPTY": "", "PORT": "9000"}) == filled


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${GONE:?see .env.example}", "GONE must be set: see .env.example"),
        ("${EMPTY:?see}", "EMPTY must be set"),
        ("${GONE?see}", "GONE must be set"),
        ("${GONE:-a", "never closed"),
        ("costs 5$ a day", "a dollar alone"),
        ("${HERE!}", "no form"),
        ("${-a}", "no name"),
    ],
)
def test_what_compose_refuses_is_refused(text: str, why: str) -> None:
    with pytest.raises(StackError, match=re.escape(why)):
        fill(text, {"HERE": "here", "EMPTY": ""})


def test_durations_and_sizes() -> None:
    assert [seconds_of(text) for text in ("5s", "1m30s", "2h", "250ms")] == [5, 90, 7200, 0.25]
    assert [bytes_of(text) for text in ("64mb", "1gb", "100b", "2K")] == [2**26, 2**30, 100, 2048]
    for wrong in ("", "5", "5 s", "s5", "1d"):
        with pytest.raises(StackError):
            seconds_of(wrong)
    for wrong in ("", "5", "1 gb", "1xb"):
        with pytest.raises(StackError):
            bytes_of(wrong)


def test_our_compose_file_is_understood() -> None:
    services = read(COMPOSE, SECRETS)
    assert services.keys() == yaml.safe_load(COMPOSE.read_text())["services"].keys()
    consumer, database, s3 = services["consumer"], services["database"], services["s3"]
    assert consumer.environment["MARS_DATABASE_URL"] == (
        "postgresql+asyncpg://mars_writer:secret-mars_writer_password@database:5432/mars"
    )
    # From the anchor that consumer, app and catalog share.
    assert consumer.environment["MARS_S3_ENDPOINT_URL"] == "http://s3:8080"
    assert consumer.read_only
    assert consumer.tmpfs == ("/tmp",)
    assert not consumer.capabilities
    assert not consumer.new_privileges
    assert (consumer.user, consumer.command, consumer.health) == (None, None, None)
    assert not consumer.healthy_always
    assert services["migrate"].healthy_always
    assert services["app"].environment["MARS_PUBLIC_URL"] == "http://127.0.0.1:8000"
    assert (services["app"].grace, services["roles"].grace) == (30, 10)
    assert database.capabilities
    assert database.mounts == (Mount("database", "/var/lib/postgresql/data", read_only=False),)
    assert database.health == Health(
        ("pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres", "-d", "mars"), 5, 5, 60, 12
    )
    assert database.shm_bytes == 2**30
    assert services["kafka"].mounts[0] == Mount(
        "./dev/kafka.properties", "/mnt/shared/config/server.properties", read_only=True
    )
    assert s3.command is not None
    assert 'mkdir -p "/data/$BUCKET"' in s3.command[2]


def test_a_missing_secret_is_refused() -> None:
    for name in SECRETS:
        with pytest.raises(StackError, match=f"{name} must be set: see .env.example"):
            read(COMPOSE, SECRETS | {name: ""})


def test_services_start_behind_what_they_need() -> None:
    services = read(COMPOSE, SECRETS)
    order = in_order(services, ["app", "feeder"])
    assert order == ["database", "roles", "migrate", "s3", "app", "kafka", "feeder"]
    every = in_order(services, services)
    assert sorted(every) == sorted(services)
    for name, service in services.items():
        assert all(every.index(needed) < every.index(name) for needed in service.needs)


def test_a_circle_of_services_is_refused(tmp_path: Path) -> None:
    def needs(other: str) -> str:
        return f"{{image: x, depends_on: {{{other}: {{condition: service_healthy}}}}}}"

    services = services_of(tmp_path, f"services:\n  a: {needs('b')}\n  b: {needs('a')}\n")
    with pytest.raises(StackError, match="a → b → a"):
        in_order(services, ["a"])


@pytest.mark.parametrize(
    ("service", "why"),
    [
        ("{image: x, network_mode: host}", "does not know network_mode"),
        ("{image: x, cap_drop: [NET_RAW]}", "cap_drop"),
        ("{image: x, security_opt: ['seccomp:unconfined']}", "no-new-privileges"),
        ("{image: x, command: 'a b'}", "as a list"),
        ("{image: x, volumes: ['undeclared:/data']}", "not declared"),
        ("{image: x, depends_on: {b: {condition: service_healthy}}}", "which is no service"),
        ("{image: x, depends_on: {a: {condition: service_started}}}", "service_started"),
        ("{image: x, healthcheck: {test: [CMD-SHELL, 'true']}}", "CMD alone"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, service: str, why: str) -> None:
    with pytest.raises(StackError, match=why):
        services_of(tmp_path, f"services:\n  a: {service}\n")


def test_the_head_of_our_compose_file_says_what_to_run() -> None:
    assert runs(COMPOSE.read_text()) == [
        ("feeder", ("--count", "1000")),
        ("catalog", ("python", "-m", "catalog", "update")),
    ]


@pytest.mark.parametrize(
    ("given", "run", "command"),
    [
        ("{image: x}", None, ["enter", "usual"]),
        ("{image: x, command: [other]}", None, ["enter", "other"]),
        ("{image: x, command: [other]}", ("now", "this"), ["enter", "now", "this"]),
        # Docker leaves the image's command out where compose.yaml has an entrypoint.
        ("{image: x, entrypoint: [psql]}", None, ["psql"]),
        ("{image: x, entrypoint: [psql], command: [-f, a]}", None, ["psql", "-f", "a"]),
    ],
)
def test_what_is_run(
    tmp_path: Path, given: str, run: tuple[str, ...] | None, command: list[str]
) -> None:
    image = Image("x", "", "", "/", "/", {}, entrypoint=("enter",), command=("usual",))
    service = services_of(tmp_path, f"services:\n  a: {given}\n")["a"]
    assert command_of(service, image, run) == command


def test_each_image_is_built_here_or_has_a_stand_in() -> None:
    for service in read(COMPOSE, SECRETS).values():
        if service.image.removeprefix("mars-") not in OURS:
            assert standins.of(service.image).name == service.image.partition(":")[0]
    with pytest.raises(StackError, match="no stand-in"):
        standins.of("redis:8")


def test_the_database_gets_the_files_that_its_image_has() -> None:
    layout = standins.database().layout
    assert f'install -D -m 644 -t "$root/etc/mars/" {CHECKOUT}/dev/postgresql.conf\n' in layout
    files = f"{CHECKOUT}/sql/cluster.sql {CHECKOUT}/sql/passwords.sql"
    assert f'install -D -m 644 -t "$root/sql/" {files}\n' in layout


def test_each_service_has_an_address_that_is_not_local_host(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    names = ["database", "kafka", "s3"]
    network.write_hosts(hosts, names)
    addresses = {network.address_of(hosts, name) for name in names}
    assert len(addresses) == 3
    assert "127.0.0.1" not in addresses
    assert network.address_of(hosts, "localhost") == "127.0.0.1"
