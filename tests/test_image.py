"""The images and compose.yaml are the stack of `make` in containers: same versions and settings."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from pydantic_settings import BaseSettings

from app.settings import Settings as AppSettings
from archive.settings import ArchiveSettings
from catalog.settings import Settings as CatalogSettings
from consumer.settings import Settings as ConsumerSettings
from dev import database, demo, kafka, postgres, s3
from dev.state import BUCKET, CHECKOUT, JAVA, State, open_state, read_settings

DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
COMPOSE = (CHECKOUT / "compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OURS = ("migrate", "consumer", "app", "catalog", "feeder")
SETTINGS: dict[str, type[BaseSettings]] = {
    "app": AppSettings,
    "consumer": ConsumerSettings,
    "catalog": CatalogSettings,
    "migrate": ArchiveSettings,
    "feeder": ConsumerSettings,
}


LOCKS = {"packages": "requirements.txt", "few-packages": "requirements-consumer.txt"}
PACKAGES = {
    "app": "packages",
    "catalog": "packages",
    "consumer": "few-packages",
    "feeder": "few-packages",
}
"""Which stage installs what an image has."""


class Stage(NamedTuple):
    """A stage of the Dockerfile: what it stands on, and its instructions."""

    base: str
    steps: list[tuple[str, str]]

    def last(self, word: str) -> str:
        return [text for name, text in self.steps if name == word][-1]


def stages() -> dict[str, Stage]:
    """The stages by name; each holds the steps of those it stands on too."""
    code = "\n".join(line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#"))
    found: dict[str, Stage] = {}
    for line in filter(None, re.sub(r"\\\n\s*", " ", code).splitlines()):
        word, _, text = line.partition(" ")
        if word == "FROM":
            base, _, name = text.partition(" AS ")
            found[name] = Stage(base, list(found[base].steps) if base in found else [])
        else:
            found[name].steps.append((word, text.strip()))
    return found


STAGES = stages()


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A stack as `make` would start it, with its usual ports."""
    return open_state(tmp_path / "stack", 8000)


def version_of(artifact: str) -> str:
    pom = (CHECKOUT / "dev" / "pom.xml").read_text()
    found = re.search(rf"<artifactId>{artifact}</artifactId>\s*<version>(.*?)</version>", pom)
    assert found is not None
    return found[1]


def environment(service: str) -> dict[str, str]:
    return dict(SERVICES[service].get("environment", {}))


def test_versions_are_those_of_make() -> None:
    setup = (CHECKOUT / "dev" / "setup.sh").read_text()
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version_of('kafka_2.13')}"
    assert SERVICES["s3"]["image"] == f"andrewgaul/s3proxy:s3proxy-{version_of('s3proxy')}"
    assert STAGES["database"].base == "postgres:15-bookworm"
    assert "|| echo postgresql-15\n" in setup
    assert "|| echo postgresql-15-q3c\n" in setup
    assert " postgresql-15-q3c " in STAGES["database"].last("RUN")


def test_images_stand_on_debian_and_the_lock_files() -> None:
    bases = {stage.base for stage in STAGES.values()} - STAGES.keys()
    assert bases == {"debian:bookworm-slim", "postgres:15-bookworm"}
    install = (CHECKOUT / "dev" / "packages.sh").read_text()
    assert '--require-hashes --no-deps --only-binary :all: --no-compile -r "$1"' in install
    for stage, lock in LOCKS.items():
        assert ("COPY", f"{lock} /tmp/") in STAGES[stage].steps
        assert STAGES[stage].last("RUN") == f"/packages.sh /tmp/{lock}"
    for target, stage in PACKAGES.items():
        assert ("COPY", f"--from={stage} /opt/mars /opt/mars") in STAGES[target].steps
    assert "pip install" not in DOCKERFILE
    assert "/assets/install.sh" in STAGES["assets"].last("RUN")
    assert "npm ci" in (CHECKOUT / "dev" / "assets" / "install.sh").read_text()
    assert not re.search(r"^ADD|curl|wget|https?://(?!127)", DOCKERFILE, re.M)


def test_consumer_and_feeder_import_no_package_that_their_image_lacks() -> None:
    """In a process that has their lock's packages alone, every module is imported."""
    names = "|".join(re.findall(r"^([a-z0-9-]+)==", lock_of("consumer"), re.M))
    code = f"""
import importlib.machinery, importlib.metadata, pkgutil, re, sys
held = re.compile(r"({names})", re.I)
had = importlib.metadata.packages_distributions()
lacking = {{
    module for module, owners in had.items()
    if not any(held.fullmatch(re.sub(r"[-_.]+", "-", owner)) for owner in owners)
}}
class Held(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in lacking else super().find_spec(name, path, target)
usual = importlib.machinery.PathFinder
sys.meta_path = [Held if finder is usual else finder for finder in sys.meta_path]
import archive.migrate, consumer, dev.simulate
for package in (archive, consumer):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
importlib.import_module("consumer.__main__")
try:
    import pyarrow
except ModuleNotFoundError:
    print("as in the image")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT, check=False
    )
    assert done.stdout == "as in the image\n", done.stderr


def lock_of(name: str) -> str:
    return (CHECKOUT / f"requirements-{name}.txt").read_text()


@pytest.mark.parametrize("target", ["app", "consumer", "catalog", "feeder"])
def test_an_image_runs_as_a_user_that_owns_nothing(target: str) -> None:
    stage = STAGES[target]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", stage.last("USER"))
    assert stage.last("USER").partition(":")[0] in re.findall(r"useradd --uid (\d+)", DOCKERFILE)
    assert not any(re.search(r"--chown|chmod (?!-R a\+rX \. &&)", text) for _, text in stage.steps)
    assert "PYTHONDONTWRITEBYTECODE=1" in DOCKERFILE
    copied = {text.split()[-1] for word, text in stage.steps if word == "COPY"}
    packages = copied & {"archive", "app", "consumer", "catalog", "dev"}
    assert all(
        any(
            f"compileall -q --invalidation-mode unchecked-hash {name}" in text
            for _, text in stage.steps
        )
        for name in packages
    )


def test_nothing_secret_is_in_the_images() -> None:
    assert not re.search("PASSWORD|SECRET|TOKEN|_KEY|DATABASE_URL", DOCKERFILE)
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*"
    sent = {rule[1:] for rule in rules if rule.startswith("!")}
    assert sent == {*LOCKS.values(), "archive", "app", "consumer", "catalog", "sql", "dev"}
    own = [
        text.split()[:-1]
        for stage in STAGES.values()
        for word, text in stage.steps
        if word == "COPY" and not text.startswith("--from")
    ]
    assert {source.partition("/")[0] for sources in own for source in sources} == sent


def test_programs_start_as_in_the_demo(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    started: dict[str, list[str]] = {}

    class Recorder:
        def start(self, name: str, arguments: list[str], role: str) -> None:
            started[name] = arguments

    monkeypatch.setattr(demo, "unanswered", lambda address: None)
    demo.start_programs(state, Recorder())  # type: ignore[arg-type]
    app = json.loads(STAGES["app"].last("CMD"))
    assert app == [part.replace("127.0.0.1", "0.0.0.0") for part in started["app"]]
    assert json.loads(STAGES["consumer"].last("CMD")) == ["python", "-m", *started["consumer"]]
    words = json.loads(STAGES["catalog"].last("CMD"))
    assert words[:5] == ["python", "-m", *demo.CATALOG, "--every-night"]
    assert STAGES["consumer"].last("ENV") == "MARS_METRICS_HOST=0.0.0.0"
    assert SERVICES["migrate"]["command"] == ["python", "-m", "archive.migrate"]


def test_health_checks_ask_where_the_programs_listen() -> None:
    for target, port, path in (("app", "8000", "/healthz"), ("consumer", "8005", "/healthz")):
        check = STAGES[target].last("HEALTHCHECK")
        assert f"'127.0.0.1', {port}" in check
        assert f"'{path}'" in check
        assert STAGES[target].last("EXPOSE") == port
    assert ConsumerSettings.model_fields["metrics_port"].default == 8005
    for name in ("database", "kafka", "s3"):
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert "/8080" in SERVICES["s3"]["healthcheck"]["test"][-1]
    assert "/9092" in SERVICES["kafka"]["healthcheck"]["test"][-1]


def test_settings_in_compose_exist() -> None:
    for name in OURS:
        known = {f"MARS_{field.upper()}" for field in SETTINGS[name].model_fields}
        given = environment(name)
        assert set(given) <= known, name
        defaults = {key: re.search(r":-(.*)}$", value) for key, value in given.items()}
        plain = {key: found[1] for key, found in defaults.items() if found and "${" not in found[1]}
        if name != "feeder":
            SETTINGS[name](**{key[5:].lower(): parsed(value) for key, value in plain.items()})
    assert environment("s3")["BUCKET"] == environment("app")["MARS_S3_BUCKET"]
    assert environment("app")["MARS_S3_BUCKET"] == f"${{MARS_S3_BUCKET:-{BUCKET}}}"
    # Nobody else's variable looks like one of ours.
    others = SERVICES.keys() - set(OURS)
    assert not [key for name in others for key in environment(name) if key.startswith("MARS_")]


def parsed(value: str) -> Any:
    """A setting as pydantic-settings takes it from the environment."""
    return json.loads(value) if value.startswith("[") else value


def test_each_program_has_the_role_that_make_gives_it() -> None:
    roles = {"migrate": "owner", "consumer": "writer", "app": "reader"}
    for name, role in roles.items():
        secret = f"${{MARS_{role.upper()}_PASSWORD:?see .env.example}}"
        url = f"postgresql+asyncpg://mars_{role}:{secret}@database:5432/mars"
        assert environment(name)["MARS_DATABASE_URL"] == url
    own = "postgresql+asyncpg://mars_app:${MARS_APP_PASSWORD:?see .env.example}@database:5432/mars"
    assert environment("app")["MARS_APP_DATABASE_URL"] == own
    passwords = (CHECKOUT / "sql" / "passwords.sql").read_text()
    given = dict(re.findall(r"ALTER ROLE mars_(\w+) LOGIN PASSWORD :'(\w+)';", passwords))
    assert given == {role: role for role in database.ROLES}
    for role in database.ROLES:
        assert rf"\getenv {role} {role.upper()}_PASSWORD" in passwords
        assert f"{role.upper()}_PASSWORD" in environment("roles")
    files = [part.removeprefix("--file=/") for part in SERVICES["roles"]["command"]]
    assert files == ["sql/cluster.sql", "sql/passwords.sql"]
    assert ("COPY", f"{' '.join(files)} /sql/") in STAGES["database"].steps


def test_postgresql_has_the_settings_of_make(state: State) -> None:
    command = SERVICES["database"]["command"]
    given = dict(part.split("=", 1) for part in command[2::2])
    assert set(command[1::2]) == {"-c"}
    assert given.pop("config_file") == "/etc/mars/postgresql.conf"
    assert ("COPY", "dev/postgresql.conf /etc/mars/") in STAGES["database"].steps
    shared = read_settings(CHECKOUT / "dev" / "postgresql.conf")
    ours = postgres.settings_of(state)
    assert shared.items() <= ours.items()
    assert not shared.keys() & {*given, "fsync", "full_page_writes", "synchronous_commit"}
    assert ours.keys() - shared.keys() == {*given, "port", "unix_socket_directories"}
    assert environment("database")["POSTGRES_INITDB_ARGS"] == " ".join(postgres.INITDB)
    assert environment("database")["POSTGRES_DB"] == state.database_url("owner").split("/")[-1]


def test_kafka_has_the_settings_of_make(state: State) -> None:
    file = "/mnt/shared/config/server.properties"
    assert f"./dev/kafka.properties:{file}:ro" in SERVICES["kafka"]["volumes"]
    given = environment("kafka")
    heap = given.pop("KAFKA_HEAP_OPTS")
    assert heap in kafka._java(state)
    own = {name[6:].lower().replace("_", "."): value for name, value in given.items()}
    ours = kafka._settings(state)
    shared = read_settings(CHECKOUT / "dev" / "kafka.properties")
    assert shared.items() <= ours.items()
    assert own.keys() == ours.keys() - shared.keys()
    for name in own.keys() - {"log.dirs"}:
        # Host and port are a container's own; all else is the same.
        host_and_port = r"(//|@)[^:,]*:\d+"
        assert re.sub(host_and_port, "", own[name]) == re.sub(host_and_port, "", ours[name])
    assert f"kafka:{own['log.dirs']}" in SERVICES["kafka"]["volumes"]


def test_the_s3_server_has_the_settings_of_make(state: State) -> None:
    s3.prepare(state)
    ours = read_settings(state.folder / "s3" / "s3proxy.conf")
    with zipfile.ZipFile(JAVA / "s3proxy.jar") as jar:
        # The start script of its image: which variable gives which setting.
        script = jar.read("run-docker-container.sh").decode()
    variables = dict(re.findall(r'-D([\w.-]+)="\${(\w+)', script))
    given = environment("s3")
    for name in ("s3proxy.authorization", "s3proxy.v4-max-non-chunked-request-size"):
        assert given[variables[name]] == ours[name]
    assert given[variables["jclouds.provider"]] == ours["jclouds.provider"]
    assert given["S3PROXY_JAVA_OPTS"] in s3.server(state).argv
    assert f"objects:{given[variables['jclouds.filesystem.basedir']]}" in SERVICES["s3"]["volumes"]
    assert given[variables["s3proxy.identity"]] == environment("app")["MARS_S3_ACCESS_KEY_ID"]
    assert given[variables["s3proxy.credential"]] == environment("app")["MARS_S3_SECRET_ACCESS_KEY"]
    assert given.keys() - {"BUCKET", "S3PROXY_JAVA_OPTS"} <= set(variables.values())


def test_our_containers_are_locked_up() -> None:
    assert SERVICES.keys() == {"database", "kafka", "s3", "roles", *OURS}
    for name in (*OURS, "roles"):
        service = SERVICES[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        # The app's files of the columnar copy can be fetched again.
        kept = ["columns:/var/lib/mars/columns"] if name == "app" else []
        assert service.get("volumes", []) == kept, name
    for name in OURS:
        assert SERVICES[name]["tmpfs"] == ["/tmp"]
    for service in SERVICES.values():
        assert "privileged" not in service
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_services_start_in_order() -> None:
    order = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}
    done, healthy = "service_completed_successfully", "service_healthy"
    assert order["roles"] == {"database": {"condition": healthy}}
    assert order["migrate"] == {"roles": {"condition": done}}
    s3_healthy = {"migrate": {"condition": done}, "s3": {"condition": healthy}}
    assert order["app"] == order["catalog"] == s3_healthy
    assert order["consumer"] == s3_healthy | {"kafka": {"condition": healthy}}
    volumes = {
        v.partition(":")[0] for service in SERVICES.values() for v in service.get("volumes", [])
    }
    assert {v for v in volumes if not v.startswith(".")} == yaml.safe_load(COMPOSE)[
        "volumes"
    ].keys()


def test_each_image_is_built_by_one_service() -> None:
    builds = [(s["image"], s["build"]["target"]) for s in SERVICES.values() if "build" in s]
    assert sorted(builds) == [
        (f"mars-{name}", name) for name in ("app", "catalog", "consumer", "database", "feeder")
    ]
    for service in SERVICES.values():
        if service["image"].startswith("mars-"):
            # None of them is ever looked for in a registry.
            assert service["pull_policy"] == ("build" if "build" in service else "never")


def test_every_secret_must_be_given() -> None:
    used = set(re.findall(r"\${(\w+):\?", COMPOSE))
    assert used == read_settings(CHECKOUT / ".env.example").keys()
    assert not any(read_settings(CHECKOUT / ".env.example").values())
    assert {
        name for name in re.findall(r"\${(\w+)", COMPOSE) if re.search("PASSWORD|SECRET|KEY", name)
    } == used
    assert not re.search(r"PASSWORD: (?!\$\{)", COMPOSE)
