"""What a stack keeps in its state folder: secrets, settings, and its ports."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dev.processes import StackError

CHECKOUT = Path(__file__).resolve().parent.parent
JAVA = CHECKOUT / ".local" / "lib" / "java"
JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Without the second compiler, and one collector for two cores: half the CPU of a start."""
BUCKET = "mars"
ROLES = ("admin", "owner", "writer", "reader", "app", "tap")
REPLICATION = "mars_replication"
"""The role with which replicas read the primary's log."""
SECRETS = (*ROLES, "replication", "s3_key_id", "s3_key")


@dataclass(frozen=True)
class Ports:
    """Every port is the app's plus a fixed number, so one variable moves a stack."""

    app: int

    @property
    def postgres(self) -> int:
        return self.app + 1

    @property
    def kafka(self) -> int:
        return self.app + 2

    @property
    def kafka_controller(self) -> int:
        return self.app + 3

    @property
    def s3(self) -> int:
        return self.app + 4

    @property
    def metrics(self) -> int:
        return self.app + 5

    def replica(self, number: int) -> int:
        """The port of a replica; they are numbered from 1."""
        return self.app + 5 + number


@dataclass(frozen=True)
class State:
    """One stack: its folder, its ports, its secrets (the same ones at every start)."""

    folder: Path
    ports: Ports
    secrets: dict[str, str] = field(repr=False)

    def log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def database_url(self, role: str) -> str:
        user = "postgres" if role == "admin" else f"mars_{role}"
        place = f"127.0.0.1:{self.ports.postgres}/mars"
        return f"postgresql+asyncpg://{user}:{self.secrets[role]}@{place}"

    def replicated_url(self, role: str, replicas: int, wanted: str, database: str = "mars") -> str:
        """Address of the primary and so many replicas; `wanted` says which of them is taken."""
        ports = (self.ports.postgres, *map(self.ports.replica, range(1, replicas + 1)))
        hosts = "&".join(f"host=127.0.0.1:{port}" for port in ports)
        user = f"mars_{role}:{self.secrets[role]}"
        return f"postgresql+asyncpg://{user}@/{database}?{hosts}&target_session_attrs={wanted}"

    def env(self) -> dict[str, str]:
        """Return the settings of the programs that work on this stack."""
        urls = {f"MARS_{role.upper()}_DATABASE_URL": self.database_url(role) for role in ROLES}
        return urls | {
            "MARS_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.ports.kafka}",
            "MARS_S3_ENDPOINT_URL": f"http://127.0.0.1:{self.ports.s3}",
            "MARS_S3_BUCKET": BUCKET,
            "MARS_S3_ACCESS_KEY_ID": self.secrets["s3_key_id"],
            "MARS_S3_SECRET_ACCESS_KEY": self.secrets["s3_key"],
            "MARS_PUBLIC_URL": f"http://127.0.0.1:{self.ports.app}",
            "MARS_METRICS_PORT": str(self.ports.metrics),
        }

    def environment(self, role: str) -> dict[str, str]:
        """Return the environment of a program that works as one of the roles."""
        # Or each process, some 150 in a run of the tests, compiles what others have compiled.
        compiled = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
        return {
            **compiled,
            **self.env(),
            "MARS_DATABASE_URL": self.database_url(role),
            "MARS_COLUMNS_DIR": str(self.folder / "columns"),
        }


def open_state(folder: Path, port: int | None, default_port: int = 8000) -> State:
    """Open a state folder, making what is missing; without a port, its last one."""
    if port is not None and not 1024 <= port <= 65528:
        raise StackError(f"PORT={port}: choose one between 1024 and 65528")
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    kept = read_settings(folder / "secrets")
    missing = {name: secrets.token_hex(16) for name in SECRETS if name not in kept}
    if missing:
        write_settings(folder / "secrets", kept | missing)
    return State(folder, Ports(port or last_port(folder) or default_port), kept | missing)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one command at a time change the stack of a state folder."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def last_port(folder: Path) -> int | None:
    """Return the PORT that the stack of this folder was last started with."""
    text = read_settings(folder / "ports").get("PORT")
    return int(text) if text else None


def read_settings(path: Path) -> dict[str, str]:
    """Read KEY=value lines, beside which comments may stand; a missing file holds none."""
    if not path.exists():
        return {}
    lines = (line for line in path.read_text().splitlines() if not line.startswith("#"))
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key: value for key, _, value in pairs}


def write_settings(path: Path, settings: dict[str, str]) -> None:
    """Write KEY=value lines, readable by their owner alone, whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{key}={value}\n" for key, value in settings.items())
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
