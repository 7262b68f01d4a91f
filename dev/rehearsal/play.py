"""The play itself: start in order, judge, look how each is locked up, stop in reverse."""

import signal
import time
from collections.abc import Mapping, Sequence

from dev.processes import StackError, tail
from dev.rehearsal import standins
from dev.rehearsal.compose import DONE, Health, Service, in_order
from dev.rehearsal.images import OURS, Copy, Image, copy
from dev.rehearsal.jails import Container, Place, environment_of

ONCE_SECONDS = 300
START_INTERVAL = 5.0
"""In the time of a start an engine asks more often than it does later."""


class Play:
    """Services of compose.yaml on their images, and what of them runs."""

    def __init__(self, services: Mapping[str, Service], place: Place) -> None:
        self.services = services
        self._place = place
        self._copies: dict[str, Copy] = {}
        self._running: dict[str, Container] = {}

    def start(self) -> None:
        """Start what `docker compose up --wait` does, and wait until all of it is well."""
        usual = [name for name, service in self.services.items() if not service.profiles]
        order = in_order(self.services, usual)
        say(f"order: {' → '.join(order)}")
        ends = {
            needed
            for name in usual
            for needed, how in self.services[name].needs.items()
            if how == DONE
        }
        healthy: set[str] = set()
        for name in order:
            for needed in self.services[name].needs.keys() - ends - healthy:
                self._await_healthy(needed)
                healthy.add(needed)
            if name in ends:
                self.once(name)
            else:
                self._begin(name)
        for name in self._running.keys() - healthy:
            self._await_healthy(name)

    def once(self, name: str, command: Sequence[str] | None = None) -> str:
        """Run a service to its end, which must be 0; return what it said."""
        for needed, how in self.services[name].needs.items():
            if how != DONE:
                self._await_healthy(needed, started=False)
        # Beside one that runs already, as `docker compose run` does it.
        log = f"{name}-run" if name in self._running else name
        ours = Container(self._place, self.services[name], self._image(name), command, log)
        try:
            code = ours.process.wait(ONCE_SECONDS)
        except BaseException:
            ours.kill()
            raise
        if code:
            raise StackError(f"{name} ended with {code}; {tail(ours.log)}")
        what = f" ({' '.join(command)})" if command else ""
        say(f"{name}{what}: ended with 0 after {ours.age:.1f} s")
        return ours.log.read_text(errors="replace")

    def check(self) -> None:
        """Make sure that all still run, and are as well as they were."""
        for name in self._running:
            self._await_healthy(name, started=False)

    def stop(self) -> None:
        """Stop all, those first on which no other depends; each must end in time, and well."""
        for name in reversed(in_order(self.services, list(self._running))):
            if (ours := self._running.pop(name, None)) is None:
                continue
            which = ours.service.stop_signal or ours.image.stop_signal
            code, seconds = ours.stop()
            if code not in ours.image.ends:
                raise StackError(f"{name} ended with {code} at {which}; {tail(ours.log)}")
            say(f"{name}: ended with {code}, {seconds:.1f} s after {which}, "
                f"of {ours.service.grace:.0f} s")  # fmt: skip

    def strike(self) -> None:
        """End what still runs, and give back the copies of the images."""
        for name in list(self._running):
            self._running.pop(name).kill()
        for each in self._copies.values():
            each.remove()
        self._copies.clear()

    def _image(self, name: str) -> Image:
        wanted = self.services[name].image
        if wanted.removeprefix("mars-") not in OURS:
            return standins.of(wanted)
        if wanted not in self._copies:
            made = self._copies[wanted] = copy(wanted)
            say(f"image {wanted}: version {made.version}, revision {made.revision[:9]}")
        return self._copies[wanted].image

    def _begin(self, name: str) -> None:
        service = self.services[name]
        self._running[name] = Container(self._place, service, self._image(name))
        say(f"{name}: started{'' if _is_ours(service) else ', a stand-in for ' + service.image}")

    def _await_healthy(self, name: str, *, started: bool = True) -> None:
        """Ask as an engine does: so often, so long, and as many failures in a row."""
        ours = self._running[name]
        health = self._health(ours)
        failures, asked = 0, False
        if health is None:
            # What fails, fails at once.
            time.sleep(max(0.0, START_INTERVAL - ours.age))
        while health is not None:
            starting = started and ours.age < health.start_period
            pause = min(health.interval, START_INTERVAL) if starting else health.interval
            if asked:
                time.sleep(pause)
            elif started:
                time.sleep(max(0.0, pause - ours.age))
            _require_running(ours)
            done = ours.inside(health.test, health.timeout)
            if not done.returncode:
                break
            asked = True
            failures += not starting
            if failures >= health.retries:
                said = (done.stdout + done.stderr).strip()
                raise StackError(f"{name} is not healthy: {said}; {tail(ours.log)}")
        _require_running(ours)
        if started:
            after = f"{ours.age:.0f} s after its start, by its own health check"
            say(f"{name}: {'healthy ' + after if health else 'runs; no health check asks it'}")
            say(f"{name}: {locked_up(ours)}")

    def _health(self, ours: Container) -> Health | None:
        service = ours.service
        return None if service.healthy_always else service.health or ours.image.health


def locked_up(ours: Container) -> str:
    """Hold a running program against what compose.yaml promises of it; say what it is."""
    service, name = ours.service, ours.service.name
    said = ours.status()
    expected = {**ours.environment}
    if _is_ours(service):
        given = dict(environment_of(ours.pid))
        if given != expected:
            odd = sorted(key for key in given.keys() ^ expected.keys())
            raise StackError(f"{name} has other variables than compose.yaml gives it: {odd}")
        user = ours.user.partition(":")[0]
        if set(said["Uid"].split()) != {user}:
            raise StackError(f"{name} runs as {said['Uid']}, not {user}")
    rights = {key: int(said[key], 16) for key in ("CapEff", "CapPrm", "CapBnd", "CapAmb")}
    if not service.capabilities and any(rights.values()):
        raise StackError(f"{name} has capabilities: {rights}")
    if not service.new_privileges and said["NoNewPrivs"] != "1":
        raise StackError(f"{name} can gain privileges")
    if service.read_only:
        _require_read_only(ours)
    parts = [f"user {said['Uid'].split()[0]}"]
    parts += ["no capabilities"] if not service.capabilities else []
    parts += ["no new privileges"] if not service.new_privileges else []
    parts += ["read-only"] if service.read_only else []
    return ", ".join([*parts, *(f"writes {place}" for place in _writable(service))])


def _writable(service: Service) -> list[str]:
    return [*service.tmpfs, *(mount.target for mount in service.mounts if not mount.read_only)]


def _require_read_only(ours: Container) -> None:
    places = ("/", "/srv/mars", "/opt/mars", "/etc", "/usr", "/var/tmp")  # noqa: S108 -- inside
    closed = " && ".join(f"! touch {place}/x 2>/dev/null" for place in places)
    opened = "".join(f" && touch {place}/x && rm {place}/x" for place in _writable(ours.service))
    if ours.inside(["sh", "-c", closed + opened], 10).returncode:
        raise StackError(f"{ours.service.name} can write where it should not, or not where it may")


def _require_running(ours: Container) -> None:
    if (code := ours.process.poll()) is not None:
        raise StackError(f"{ours.service.name} ended by itself with {code}; {tail(ours.log)}")


def _is_ours(service: Service) -> bool:
    return service.image.removeprefix("mars-") in OURS


def say(text: str) -> None:
    """Tell the user at once, also through a pipe."""
    print(f"rehearsal: {text}", flush=True)


def end_by_signals() -> None:
    """Let SIGTERM end a rehearsal; another does not interrupt the tidying up."""

    def end(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
