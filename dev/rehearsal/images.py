"""What an image is to a rehearsal: how to lay out its files, and how it wants to be run."""

import json
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.containers import run
from dev.processes import StackError
from dev.rehearsal.compose import Health

OURS = ("app", "consumer", "catalog", "feeder")


@dataclass(frozen=True)
class Image:
    """An image: the shell's lines that lay out its files at $root, and what it says of itself."""

    name: str
    layout: str
    user: str
    home: str
    folder: str
    environment: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    health: Health | None = None
    stop_signal: str = "SIGTERM"
    ends: tuple[int, ...] = (0,)
    """With what its program may end after that signal: Java says of it that it was one."""


@dataclass(frozen=True)
class Copy:
    """A copy of an image that buildah has made, to be removed afterwards."""

    container: str
    image: Image
    version: str
    revision: str

    def remove(self) -> None:
        run(["buildah", "rm", self.container])


def copy(name: str) -> Copy:
    """Copy an image of ours out of buildah's store, and read what it says of itself."""
    try:
        said = json.loads(run(["buildah", "inspect", "--type", "image", name]))
    except StackError as error:
        raise StackError(f"no image {name}: run `make image` with buildah first") from error
    config = said["Docker"]["config"]
    container = f"{name}-rehearsal"
    # One that was killed leaves its copies behind.
    subprocess.run(["buildah", "rm", container], check=False, capture_output=True)
    run(["buildah", "from", "--pull-never", "--name", container, name])
    root = Path(run(["buildah", "mount", container]))
    # An engine brings these two; a name to hang them on must be there.
    (root / "etc" / "hosts").touch()
    image = Image(
        name=name,
        layout=f'mount --bind {shlex.quote(str(root))} "$root"\n',
        user=config.get("User", ""),
        home=_home(root, config.get("User", "")),
        folder=config.get("WorkingDir") or "/",
        environment=dict(pair.split("=", 1) for pair in config["Env"]),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        health=_health(config.get("Healthcheck") or {}),
        stop_signal=config.get("StopSignal") or "SIGTERM",
    )
    labels = config.get("Labels") or {}
    told = (labels.get(f"org.opencontainers.image.{what}", "?") for what in ("version", "revision"))
    return Copy(container, image, *told)


def _home(root: Path, user: str) -> str:
    """Return the home that the image's own list of users gives, as an engine does."""
    who = user.partition(":")[0] or "root"
    for line in (root / "etc" / "passwd").read_text().splitlines():
        name, _, number, _, _, home, _ = line.split(":")
        if who in (name, number):
            return home
    return "/"


def _health(given: dict[str, Any]) -> Health | None:
    """Read the health check of a Dockerfile; an image counts in billionths of a second."""
    kind, *test = given.get("Test") or ["NONE"]
    if kind == "NONE":
        return None
    if kind != "CMD":
        raise StackError("a rehearsal knows health checks of CMD alone")
    times = {
        name: given[key] / 1e9
        for name, key in (
            ("interval", "Interval"),
            ("timeout", "Timeout"),
            ("start_period", "StartPeriod"),
        )
        if given.get(key)
    }
    return Health(tuple(test), **times, retries=given.get("Retries") or 3)
