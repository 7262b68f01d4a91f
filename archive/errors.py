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

import re
from typing import Final


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


_LONGEST: Final = 300
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def make_printable(text: str) -> str:
    """A text of unknown origin as one short line that PostgreSQL can hold: no NUL, no surrogate."""
    line = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
