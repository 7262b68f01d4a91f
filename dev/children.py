"""The programs that a demo runs beside itself, and how it ends with all of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dev.processes import StackError, tail
from dev.state import CHECKOUT, State

STOP_SECONDS = 60
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Ctrl-C or SIGTERM: the way a demo is meant to end."""


@dataclass
class Children:
    """Programs of this checkout, their logs in the state folder."""

    state: State
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, arguments: Sequence[str], role: str) -> None:
        """Start `python -m …` as a role of the database."""
        log = self._log(name)
        log.parent.mkdir(exist_ok=True)
        # Should this process be killed, its children get SIGTERM from the kernel.
        leash = ("setpriv", "--pdeathsig", "TERM")
        with log.open("wb") as output:
            self.running[name] = subprocess.Popen(
                [*leash, sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=CHECKOUT,
                env=self.state.environment(role),
                start_new_session=True,
            )

    def ended(self, name: str) -> bool:
        """Whether a child has done its work; failure is an error."""
        code = self.running[name].poll()
        if code:
            raise StackError(f"{name} ended with {code}; {tail(self._log(name))}")
        return code == 0

    def check(self, *names: str) -> None:
        """Raise when one of those that should go on has ended."""
        for name in names:
            if self.ended(name):
                raise StackError(f"{name} ended; {tail(self._log(name))}")

    def stop(self) -> None:
        """Ask all to end, then insist."""
        for child in self.running.values():
            child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for name, child in self.running.items():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                print(f"demo: {name} did not end in {STOP_SECONDS} s and was killed")
                child.kill()
                child.wait()

    def _log(self, name: str) -> Path:
        return self.state.log(name)


def end_on_signals() -> None:
    """Turn Ctrl-C, SIGTERM and a closed terminal into Stopped."""

    def stop(_number: int, _frame: object) -> None:
        ignore_signals()
        raise Stopped

    for which in ENDING:
        signal.signal(which, stop)


def ignore_signals() -> None:
    """From here on nothing interrupts the tidying up."""
    for which in ENDING:
        signal.signal(which, signal.SIG_IGN)


@contextmanager
def own_terminal() -> Iterator[None]:
    """Take the terminal's Ctrl-C for ourselves alone.

    A make that gets it too reports an interrupt, however well its recipe ended.
    """
    group = os.getpgrp()
    if not sys.stdin.isatty() or os.tcgetpgrp(sys.stdin.fileno()) != group:
        yield
        return
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # the shell waits for make, not for us
    os.setpgid(0, 0)
    os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(sys.stdin.fileno(), group)
