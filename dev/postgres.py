"""PostgreSQL 15 with q3c, as a server of the stack."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from dev.processes import Server, StackError, find, run, working_in
from dev.state import CHECKOUT, State, read_settings

# PostgreSQL refuses to run as root; Debian's package brings this user.
USER = "postgres" if os.geteuid() == 0 else None
OUTSIDE = Path("/var/lib/mars-stacks")
SETTINGS = CHECKOUT / "dev" / "postgresql.conf"
INITDB = ("-E", "UTF8", "--locale=C.UTF-8")


def server(state: State) -> Server:
    """Describe the server; its data must have been prepared."""
    return describe("PostgreSQL", home(state) / "data", state.log("postgres"), settings_of(state))


def describe(name: str, data: Path, log: Path, settings: Mapping[str, str]) -> Server:
    """Describe a server by its data directory and its settings."""
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    port = settings["port"]
    probe = (program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", port)
    return Server(
        name=name,
        port=int(port),
        argv=(program("postgres"), "-D", str(data), *options),
        mark=str(data),
        log=log,
        ready=lambda: subprocess.run(probe, check=False, capture_output=True).returncode == 0,
        user=USER,
        stop_signal=signal.SIGINT,  # ends sessions; SIGTERM would wait for them
    )


def prepare(state: State) -> None:
    """Make the data directory, and clear what an earlier crash left in the way."""
    place = home(state)
    _make_home(place, state.folder)
    data = place / "data"
    if not data.exists():
        _initialise(place, state.secrets["admin"])
    elif find(server(state)) is None:
        clear_crash(data)


def home(state: State) -> Path:
    """Return where the data lies: in the state folder if its user can enter that.

    Otherwise outside, under a name drawn at random and noted in the state folder: a
    fresh clone at the same path has no note and so never meets an old archive.
    """
    inside = state.folder / "postgres"
    note = state.folder / "postgres.home"
    if note.exists():
        return Path(note.read_text().strip())
    if USER is None or inside.exists() or _can_enter(state.folder):
        return inside
    outside = OUTSIDE / secrets.token_hex(8)
    new = note.with_suffix(".new")
    new.write_text(f"{outside}\n")
    new.replace(note)
    return outside


def remove(state: State) -> None:
    """Delete the data, wherever it lies."""
    shutil.rmtree(home(state), ignore_errors=True)


def _make_home(place: Path, folder: Path) -> None:
    if OUTSIDE in place.parents:
        _sweep(folder, place)
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    if USER:
        account = pwd.getpwnam(USER)
        os.chown(place, account.pw_uid, account.pw_gid)
    if OUTSIDE in place.parents:
        (place / "state-folder").write_text(f"{folder}\n")


def _sweep(folder: Path, keep: Path) -> None:
    """Delete data outside whose state folder is gone or has other data now."""
    for place in OUTSIDE.glob("*") if OUTSIDE.exists() else ():
        note = place / "state-folder"
        if place == keep or not note.exists() or working_in(place):
            continue
        owner = Path(note.read_text().strip())
        if owner == folder or not owner.exists():
            shutil.rmtree(place, ignore_errors=True)


def _initialise(place: Path, password: str) -> None:
    """Run initdb under another name, so that a half-made directory is never used."""
    new, passwords = place / "data.new", place / "password"
    shutil.rmtree(new, ignore_errors=True)
    write_secret(passwords, password)
    options = [*INITDB, "-U", "postgres", "-A", "scram-sha-256"]
    run(
        [program("initdb"), "-D", str(new), *options, f"--pwfile={passwords}"],
        user=USER,
    )
    passwords.unlink()
    new.rename(place / "data")


def write_secret(path: Path, text: str) -> None:
    """Write a file that the server's user alone can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    if USER:
        shutil.chown(path, USER)


def clear_crash(data: Path) -> None:
    """Remove a stale lock file, unless a child of a killed server still works there.

    After a reboot its pid may belong to another program; PostgreSQL would then refuse
    to start. (A child that works there ends by itself within a moment.)
    """
    for _ in range(100):
        if not working_in(data):
            (data / "postmaster.pid").unlink(missing_ok=True)
            return
        time.sleep(0.1)
    raise StackError(f"a process of another PostgreSQL works in {data}: end it first")


def settings_of(state: State) -> dict[str, str]:
    """Return the settings that the server is started with."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    shared_mb = min(4096, memory // 8 // 2**20)
    return {
        "listen_addresses": "127.0.0.1",
        "port": str(state.ports.postgres),
        "unix_socket_directories": "",  # passwords over TCP do; no path to be too long
        "shared_buffers": f"{shared_mb}MB",
        **read_settings(SETTINGS),
    }


def _can_enter(folder: Path) -> bool:
    probe = ["test", "-x", str(folder)]
    return subprocess.run(probe, check=False, user=USER, group=USER, cwd="/").returncode == 0


def program(name: str) -> str:
    """Return the path of a program of PostgreSQL."""
    debian = Path("/usr/lib/postgresql/15/bin") / name
    found = str(debian) if debian.exists() else shutil.which(name)
    if found is None:
        raise StackError(f"PostgreSQL's {name} was not found: install PostgreSQL 15")
    return found
