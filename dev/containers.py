"""Containers of our images, as locked up as compose.yaml has them, with whichever engine is there.

docker and podman do it themselves. buildah has no way to run an image read-only: there the same
is done by hand, as root: a mount namespace in which the image is read-only, its own user, no
capabilities, no new privileges.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dev.processes import StackError
from dev.state import CHECKOUT, State

STOP_SECONDS = 60
LOCKED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")  # noqa: S108 -- in the container
LOCKED_PRIVILEGES = ("--security-opt", "no-new-privileges")
JAIL = """
set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/tmp"
exec chroot "$@"
"""


@dataclass(frozen=True)
class Image:
    """What an image says about how to run it."""

    name: str
    user: str
    folder: str
    environment: list[str]
    command: list[str]
    health: list[str]


class Engine:
    """docker, podman or buildah."""

    def __init__(self) -> None:
        found = run(["dev/image.sh", "engine"])
        if not found:
            raise StackError("no docker, podman or buildah works here")
        self.name = found
        if found == "buildah":
            os.environ.setdefault("STORAGE_DRIVER", "vfs")

    def image(self, name: str) -> Image:
        """Read what the image says."""
        if self.name == "buildah":
            found = json.loads(run(["buildah", "inspect", "--type", "image", name]))
            config = found["Docker"]["config"]
        else:
            found = json.loads(run([self.name, "image", "inspect", name]))[0]
            config = found["Config"]
        health = config.get("Healthcheck") or found.get("HealthCheck") or {}
        command = [*(config.get("Entrypoint") or []), *config["Cmd"]]
        return Image(
            name,
            config["User"],
            config["WorkingDir"],
            config["Env"],
            command,
            health.get("Test", [])[1:],
        )


class Container:
    """A container of an image: started at once, gone after `stop`."""

    def __init__(
        self,
        engine: Engine,
        image: Image,
        command: list[str],
        settings: Mapping[str, str],
        output: Any = None,
    ) -> None:
        self._engine = engine
        self._name = f"{image.name}-check-{os.getpid()}"
        self._made: str | None = None
        argv = self._jail(image, command) if engine.name == "buildah" else None
        self.process = subprocess.Popen(
            argv or self._run(image, command, settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            env={"PATH": os.environ["PATH"], **settings},
            start_new_session=True,
        )

    def stop(self) -> int:
        """SIGTERM, as an engine stops a container; return the exit code."""
        try:
            if self._engine.name == "buildah":
                self.process.terminate()
            elif self.process.poll() is None:
                run([self._engine.name, "stop", "-t", str(STOP_SECONDS), self._name])
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise StackError(f"{self._name} did not end in {STOP_SECONDS} s") from None
        finally:
            self._remove()

    def wait(self) -> int:
        """Wait for the end; return the exit code."""
        code = self.process.wait()
        self._remove()
        return code

    def _run(self, image: Image, command: list[str], settings: Mapping[str, str]) -> list[str]:
        start = [self._engine.name, "run", "--rm", "--name", self._name, "--network", "host"]
        # Names alone: the values come from our environment, where `ps` does not show them.
        named = [part for name in settings for part in ("--env", name)]
        entry = ["--entrypoint", command[0]]
        return [*start, *LOCKED, *LOCKED_PRIVILEGES, *named, *entry, image.name, *command[1:]]

    def _jail(self, image: Image, command: list[str]) -> list[str]:
        if os.geteuid():
            raise StackError("to run an image of buildah read-only one must be root")
        self._made = run(["buildah", "from", "--pull-never", image.name])
        root = run(["buildah", "mount", self._made])
        user, _, group = image.user.partition(":")
        drop = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs"]
        drop += ["--bounding-set=-all", "--inh-caps=-all"]
        place = ["/usr/bin/env", f"--chdir={image.folder}", *image.environment]
        return ["unshare", "--mount", "sh", "-c", JAIL, "jail", root, *place, *drop, *command]

    def _remove(self) -> None:
        if self._made:
            run(["buildah", "rm", self._made])
            self._made = None


def settings_of(state: State, role: str) -> dict[str, str]:
    """Return what compose.yaml gives to a program that works as this role, and no more."""
    names = ["MARS_KAFKA_BOOTSTRAP_SERVERS", "MARS_PUBLIC_URL", "MARS_METRICS_PORT"]
    every = state.env()
    if role == "reader":
        names += ["MARS_APP_DATABASE_URL", "MARS_TAP_DATABASE_URL"]
    ours = {name: every[name] for name in every if name in names or name.startswith("MARS_S3_")}
    return {"MARS_DATABASE_URL": state.database_url(role), **ours}


def run(argv: list[str]) -> str:
    """Run a command of the engine; return what it said."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    if done.returncode:
        raise StackError(f"{' '.join(argv[:3])} failed: {done.stderr.strip()}")
    return done.stdout.strip()
