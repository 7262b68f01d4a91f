"""compose.yaml, read as compose reads it; what is not understood is refused, never passed over."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dev.processes import StackError
from dev.rehearsal.values import bytes_of, fill, seconds_of

HEALTHY = "service_healthy"
DONE = "service_completed_successfully"
READ = {
    "image", "user", "entrypoint", "command", "environment", "volumes", "tmpfs", "read_only",
    "cap_drop", "security_opt", "shm_size", "stop_signal", "stop_grace_period", "healthcheck",
    "depends_on", "profiles", "build",
}  # fmt: skip
WITHOUT_EFFECT = {"pull_policy", "restart", "expose", "ports"}
"""All containers of a rehearsal share one network of its own, where a port is a port; and there
nothing ends and starts again: that is a failure."""


@dataclass(frozen=True)
class Health:
    """What asks a container how it is, and how long it may take to be well."""

    test: tuple[str, ...]
    interval: float = 30
    timeout: float = 30
    start_period: float = 0
    retries: int = 3


@dataclass(frozen=True)
class Mount:
    """A volume with a name, or a file or folder beside compose.yaml, in a container."""

    source: str
    target: str
    read_only: bool

    @property
    def named(self) -> bool:
        return not self.source.startswith((".", "/"))


@dataclass(frozen=True)
class Service:
    """A service, all its variables filled in; None is left to the image."""

    name: str
    image: str
    user: str | None
    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...] | None
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    tmpfs: tuple[str, ...]
    read_only: bool
    capabilities: bool
    new_privileges: bool
    shm_bytes: int
    stop_signal: str | None
    grace: float
    health: Health | None
    healthy_always: bool
    needs: Mapping[str, str]
    profiles: tuple[str, ...]


def read(path: Path, values: Mapping[str, str]) -> dict[str, Service]:
    """Read a file of compose, with the values of its .env, into its services by name."""
    whole = _filled(yaml.safe_load(path.read_text()), values)
    services = {name: _service(name, given) for name, given in whole["services"].items()}
    volumes = whole.get("volumes", {})
    for service in services.values():
        for mount in service.mounts:
            if mount.named and mount.source not in volumes:
                raise StackError(f"{service.name}: the volume {mount.source} is not declared")
        for needed in service.needs:
            if needed not in services:
                raise StackError(f"{service.name} depends on {needed}, which is no service")
    return services


def in_order(services: Mapping[str, Service], names: Iterable[str]) -> list[str]:
    """Return the names, each behind all that it depends on, at once or by others."""
    found: list[str] = []

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise StackError(f"services depend on each other: {' → '.join((*above, name))}")
        if name not in found:
            for needed in services[name].needs:
                add(needed, (*above, name))
            found.append(name)

    for name in names:
        add(name, ())
    return found


def runs(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the services and commands of the lines `docker compose run` in compose.yaml's head."""
    head = text.partition("\nname:")[0]
    # Behind several blanks stands what the line is for.
    lines = re.findall(r"^#\s+docker compose run --rm (\w+) (.*?)(?:\s{2,}.*)?$", head, re.M)
    return [(service, tuple(command.split())) for service, command in lines]


def _filled(given: Any, values: Mapping[str, str]) -> Any:
    if isinstance(given, str):
        return fill(given, values)
    if isinstance(given, list):
        return [_filled(part, values) for part in given]
    if isinstance(given, dict):
        return {name: _filled(part, values) for name, part in given.items()}
    return given


def _service(name: str, given: dict[str, Any]) -> Service:
    if unknown := given.keys() - READ - WITHOUT_EFFECT:
        raise StackError(f"{name}: a rehearsal does not know {', '.join(sorted(unknown))}")
    if given.get("cap_drop") not in (None, ["ALL"]):
        raise StackError(f"{name}: a rehearsal knows cap_drop: [ALL] alone")
    if given.get("security_opt") not in (None, ["no-new-privileges:true"]):
        raise StackError(f"{name}: a rehearsal knows no-new-privileges:true alone")
    health = given.get("healthcheck", {})
    return Service(
        name=name,
        image=given["image"],
        user=given.get("user"),
        entrypoint=_words(name, given.get("entrypoint")),
        command=_words(name, given.get("command")),
        environment={key: str(value) for key, value in given.get("environment", {}).items()},
        mounts=tuple(_mount(part) for part in given.get("volumes", [])),
        tmpfs=tuple(given.get("tmpfs", [])),
        read_only=given.get("read_only", False),
        capabilities="cap_drop" not in given,
        new_privileges="security_opt" not in given,
        shm_bytes=bytes_of(given.get("shm_size", "64mb")),
        stop_signal=given.get("stop_signal"),
        grace=seconds_of(given.get("stop_grace_period", "10s")),
        health=_health(name, health) if health and not health.get("disable") else None,
        healthy_always=bool(health.get("disable")),
        needs=_needs(name, given.get("depends_on", {})),
        profiles=tuple(given.get("profiles", [])),
    )


def _words(name: str, given: Any) -> tuple[str, ...] | None:
    if given is None or isinstance(given, list):
        return None if given is None else tuple(map(str, given))
    raise StackError(f"{name}: write a command as a list of words")


def _mount(text: str) -> Mount:
    source, target, *how = text.split(":")
    return Mount(source, target, read_only=how == ["ro"])


def _health(name: str, given: dict[str, Any]) -> Health:
    kind, *test = given["test"]
    if kind != "CMD":
        raise StackError(f"{name}: a rehearsal knows health checks of CMD alone")
    times = {key: seconds_of(given[key]) for key in ("interval", "timeout", "start_period")}
    return Health(tuple(test), **times, retries=given["retries"])


def _needs(name: str, given: dict[str, dict[str, str]]) -> dict[str, str]:
    needs = {needed: how["condition"] for needed, how in given.items()}
    if unknown := set(needs.values()) - {HEALTHY, DONE}:
        raise StackError(f"{name}: a rehearsal does not know {', '.join(sorted(unknown))}")
    return needs
