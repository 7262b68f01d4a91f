"""Every error that MARS raises on purpose.

MarsError
├── DamagedPacket       these bytes are no alert; its text says why, and is kept with them
│   └── RefusedPacket   sound bytes, but their schema or values do not fit the archive's columns
├── StoreUnavailable    the object store did not answer in time, or refused
│   └── ObjectMissing   it answered: there is no such object
├── SchemaOutdated      the database needs `python -m archive.migrate`
├── StalePosition       another consumer moved a partition on; start over from the ledger
└── BadInput            a command or a setting asks for what cannot be done
"""

from typing import Final

LONGEST_REASON: Final = 300


class MarsError(Exception):
    """The root: catch this to catch all that MARS raises on purpose."""


class DamagedPacket(MarsError):
    """Bytes that cannot be read as an alert. The text is the reason stored with a reject."""


class RefusedPacket(DamagedPacket):
    """A sound Avro file that is no alert as we know them. Many in a row tell of a new schema."""


class StoreUnavailable(MarsError):
    """The object store failed or was too slow. The same request may work later."""


class ObjectMissing(StoreUnavailable):
    """The object store has no such key: a row without its object, which must never happen."""


class SchemaOutdated(MarsError):
    """The database is older or newer than this program."""


class StalePosition(MarsError):
    """A partition's position is not where this consumer left it: someone else reads it now."""


class BadInput(MarsError):
    """What was asked for on the command line, or set, cannot be done; the text says why."""


def reason_of(error: Exception) -> str:
    """What an error says, as it can be kept with a reject: printable, and of bounded length.

    Texts of errors hold names and values out of packets, NUL among them, which PostgreSQL refuses.
    """
    text = str(error)
    if not isinstance(error, MarsError):
        text = f"{type(error).__name__}: {text}"
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:LONGEST_REASON]
    )
    whole = len(text) <= LONGEST_REASON and len(shown) <= LONGEST_REASON
    return shown if whole else shown[: LONGEST_REASON - 1] + "…"
