"""A program that is forked is one that was started: tests/consumer kills many such."""

import os
import signal

from tests.programs import Piped

PROGRAM = "consumer.__main__"


async def test_arguments_environment_and_outputs_are_its_own() -> None:
    program = await Piped.start(PROGRAM, ["--help"], {**os.environ, "COLUMNS": "60"})
    out, err = await program.communicate()
    assert (program.returncode, err) == (0, b"")
    # On lines of eighty characters the first would go on.
    assert out.startswith(b"usage: python -m consumer [-h]\n")
    assert program.pid != os.getpid()


async def test_its_status_is_told() -> None:
    program = await Piped.start(PROGRAM, ["nothing"], os.environ)
    out, err = await program.communicate()
    assert (program.returncode, out) == (2, b"")
    assert b"invalid choice: 'nothing'" in err


async def test_a_signal_ends_it() -> None:
    """Also before it has done anything."""
    program = await Piped.start(PROGRAM, ["stream"], os.environ)
    program.send_signal(signal.SIGSTOP)
    assert program.returncode is None
    program.kill()
    assert await program.wait() == -signal.SIGKILL
    program.terminate()
    await program.communicate()
