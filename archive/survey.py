"""What a survey is to the archive: a value, so that code which is general takes it as an argument.

All surveys share batches, bundles, ledger, positions, rejects and conflicts; so `as_of` is one
number for all of them. Each has its own table of alerts, whose core columns have the same names:
object_id, jd, ra, dec, l, b, filter, batch, lco_id, bundle and the ranges of bytes, payload_hash,
sentinels, extra; the id alone has the survey's own name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from sqlalchemy import Table

from archive.binary import Span
from archive.columns import COMPUTED, Column


class Packet(Protocol):
    """One alert as it came."""

    @property
    def id(self) -> int:
        """The survey's number of the alert."""

    @property
    def object_id(self) -> str:
        """The survey's name of the object."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """Values as sent, by the names of Survey.sent; what the packet lacks is missing."""

    @property
    def extra(self) -> str | None:
        """JSON of the fields that have no column."""

    @property
    def stamps(self) -> tuple[Span | None, ...]:
        """Where each of Survey.stamps lies in `body`; None: there is none."""

    @property
    def body(self) -> bytes:
        """What `stamps` point into: the message itself, or its expanded block."""

    @property
    def payload_hash(self) -> bytes:
        """SHA-256 of the record: the same for the same content."""


P = TypeVar("P", bound=Packet)


class Message(NamedTuple, Generic[P]):
    """What was in one message: sound packets, and what was wrong with the rest, if anything."""

    packets: list[P]
    damage: str | None
    """Printable, and of some hundred characters at most."""
    refused: bool = False
    """The damage is no damage of the bytes: a RefusedPacket."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Survey:
    """One survey; two are the same only if they are one."""

    name: str
    """With which the keys of its bundles begin."""
    key: str
    """The column of an alert's id."""
    sent: tuple[Column, ...]
    """Columns that a packet fills, under its own names; jd, ra and dec are among them."""
    derived: tuple[Column, ...]
    """Columns that are computed from a packet; object_id, filter, l and b are among them."""
    bands: tuple[str, ...]
    """What `filter` may hold."""
    stamps: tuple[str, ...]
    """Images that a packet may hold, by the names of their byte ranges."""
    alert: Table
    history: Table | None
    """Rows beside those of `alert`, by the same id, with the histories of packets."""
    read: Callable[[bytes], Message[Any]]
    """Reads a message. Never raises for what is in it."""
    is_public: Callable[[Any], bool]
    """Whether a packet may be shown; what may not is never stored."""

    @cached_property
    def sentinels(self) -> tuple[Column, ...]:
        """Bit n of `alert.sentinels` belongs to the n-th of these; a new one goes last."""
        return tuple(column for column in self.sent if column.sentinel is not None)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Every column that a user can see, by name."""
        return {c.name: c for c in (*self.derived, *self.sent, *COMPUTED)}
