"""A container by hand, as root: namespaces, a root of its own, a user, no more rights than it has.

buildah runs no image read-only, nor as the first process of its own list of processes; docker
does both, and the second decides how a program ends: a signal that it does not handle is nothing
to it. So a container is made here of what Linux has.

What is not imitated: Docker's filters of system calls, its limits on memory and processes, and a
network for each (all share the loopback of one network of their own, each service with an
address of its own in it).
"""

import os
import secrets
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dev.processes import StackError, tail
from dev.rehearsal.compose import Mount, Service
from dev.rehearsal.images import Image
from dev.state import CHECKOUT

# What Docker leaves to root in a container.
CAPABILITIES = (
    "chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw "
    "sys_chroot mknod audit_write setfcap"
).split()
SYSTEM = """\
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
for part in bus fs irq sys sysrq-trigger; do
    [ -e "$root/proc/$part" ] || continue
    mount --bind "$root/proc/$part" "$root/proc/$part"
    mount -o remount,bind,ro "$root/proc/$part"
done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t tmpfs -o nosuid,mode=755,size=65536k devices "$root/dev"
for device in null zero full random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"
done
mkdir "$root/dev/shm"
"""


@dataclass(frozen=True)
class Place:
    """Where a rehearsal keeps volumes, logs and the list of hosts."""

    folder: Path

    def made(self, *parts: str) -> Path:
        """Return a folder in it, made if need be."""
        path = self.folder.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def hosts(self) -> Path:
        return self.folder / "hosts"


class Container:
    """A service's container: started at once, and its process the first of its own list."""

    def __init__(
        self,
        place: Place,
        service: Service,
        image: Image,
        command: Sequence[str] | None = None,
        log: str | None = None,
    ) -> None:
        self.service, self.image = service, image
        self.log = place.made("log") / f"{log or service.name}.log"
        self._began = time.monotonic()
        self.host = secrets.token_hex(6)
        self.user = service.user if service.user is not None else image.user
        self.environment = {
            **image.environment,
            "HOSTNAME": self.host,
            "HOME": image.home,
            **service.environment,
        }
        argv = [*self._rights(), *command_of(service, image, command)]
        spaces = ["--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                ["/usr/bin/unshare", *spaces, "/bin/sh", "-ec", self._script(place), "sh", *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
            )

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._began

    @property
    def pid(self) -> int:
        """The first process in the container, by its number outside."""
        if (pid := first_child(self.process.pid)) is None:
            raise StackError(f"{self.service.name} does not run; {tail(self.log)}")
        return pid

    def status(self) -> dict[str, str]:
        """What the kernel says of the container's program: user, capabilities, privileges."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def inside(self, command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a command beside the program, as an engine's `exec` does."""
        enter = ["/usr/bin/nsenter", f"--target={self.pid}", "--mount", "--pid", "--uts", "--ipc"]
        bound = ["/usr/bin/timeout", "--signal=KILL", str(seconds)]
        return subprocess.run(
            [*enter, "--root", f"--wdns={self.image.folder}", *bound, *self._rights(), *command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def stop(self) -> tuple[int, float]:
        """Send the stop signal, wait as long as compose would; return the status and the time."""
        began = time.monotonic()
        number = signal.Signals[self.service.stop_signal or self.image.stop_signal]
        if self.process.poll() is None:
            os.kill(self.pid, number)
        try:
            code = self.process.wait(self.service.grace)
        except subprocess.TimeoutExpired:
            self.kill()
            late = f"did not end within {self.service.grace:.0f} s of {number.name}"
            raise StackError(f"{self.service.name} {late}; {tail(self.log)}") from None
        return code, time.monotonic() - began

    def kill(self) -> None:
        """End it at once, with all that runs in it: the kernel does that with a first process."""
        if self.process.poll() is None:
            with suppress(StackError, ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.process.wait()

    def _rights(self) -> list[str]:
        user, _, group = self.user.partition(":")
        rights = ["/usr/bin/setpriv", "--inh-caps=-all", "--bounding-set"]
        kept = [f"+{name}" for name in CAPABILITIES] if self.service.capabilities else []
        rights.append(",".join(["-all", *kept]))
        if not self.service.new_privileges:
            rights.append("--no-new-privs")
        if user in ("", "0", "root"):
            return [*rights, "--clear-groups"]
        groups = "--clear-groups" if group else "--init-groups"
        return [*rights, "--reuid", user, "--regid", group or user, groups]

    def _script(self, place: Place) -> str:
        """Write what makes the container, and then runs its arguments in it."""
        service = self.service
        root = place.made("root", service.name)
        lines = [f"root={shlex.quote(str(root))}\n", self.image.layout, SYSTEM]
        memory = f"nosuid,nodev,noexec,mode=1777,size={service.shm_bytes}"
        lines.append(f'mount -t tmpfs -o {memory} shm "$root/dev/shm"\n')
        lines += [_mounted(mount, place) for mount in service.mounts]
        for folder in service.tmpfs:
            lines.append(f'mkdir -p "$root{folder}"\n')
            how = "nosuid,nodev,noexec,mode=1777"
            lines.append(f'mount -t tmpfs -o {how} tmpfs "$root{folder}"\n')
        lines.append(f'mount --bind {shlex.quote(str(place.hosts))} "$root/etc/hosts"\n')
        lines.append(f"hostname {self.host}\n")
        if service.read_only:
            lines.append('mount -o remount,bind,ro "$root"\n')
        lines.append("unset PWD\n")
        lines.append(f'exec /usr/sbin/chroot "$root" /usr/bin/env --chdir={self.image.folder} "$@"')
        return "".join(lines)


def command_of(service: Service, image: Image, command: Sequence[str] | None) -> list[str]:
    """Return what is run: an entrypoint of compose.yaml takes the image's command away."""
    if service.entrypoint is None:
        before, usual = image.entrypoint, image.command
    else:
        before, usual = service.entrypoint, ()
    given = command if command is not None else service.command
    return [*before, *(usual if given is None else given)]


def _mounted(mount: Mount, place: Place) -> str:
    """Write what mounts a volume; a new one first gets what the image has in its place."""
    target = f'"$root{mount.target}"'
    if mount.named:
        volume = place.made("volumes", mount.source)
        source = shlex.quote(str(volume))
        lines = f"mkdir -p {target}\n"
        if not any(volume.iterdir()):
            lines += f"cp -a {target}/. {source}/\n"
            lines += f"chown --reference={target} {source}\nchmod --reference={target} {source}\n"
    else:
        path = CHECKOUT / mount.source
        if not path.exists():
            raise StackError(f"compose.yaml mounts {mount.source}, which is not there")
        source = shlex.quote(str(path))
        lines = f'mkdir -p "$root{Path(mount.target).parent}"\n'
        lines += f"mkdir -p {target}\n" if path.is_dir() else f"touch {target}\n"
    lines += f"mount --bind {source} {target}\n"
    return lines + (f"mount -o remount,bind,ro {target}\n" if mount.read_only else "")


def first_child(pid: int) -> int | None:
    """Return the process that one has started, if it still runs."""
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            return int(child)
    return None


def environment_of(pid: int) -> Mapping[str, str]:
    """Read the variables that a process was started with."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair)
