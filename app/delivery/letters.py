"""The mails that are sent: the question whether somebody wants any, and the digest of a day."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import Row

from app.addresses import object_address

SHOWN: Final = 50
"""Alerts that a digest lists, the newest; it counts all."""
_UNFOLDED: Final = policy.SMTP.clone(max_line_length=998)
"""Python would write a long address in a header as encoded words, which no mail program follows."""
_QUESTION: Final = """\
Somebody, presumably you, asked that the new alerts of a watch be sent to this address, one mail a
day at most:

    {page}

If you want them, follow this link within two days and press the button there:

    {link}

If you do not, do nothing: no other mail comes.
"""
_DIGEST: Final = """\
{count} new alert{s} of your watch{shown}:

{lines}

All of them, with stamps: {page}

To get no more of these mails: {link}
"""


def link_of(row: Row[Any], public_url: str) -> str:
    """Where a reader agrees, and where mails are stopped."""
    return f"{public_url}/mail/{row.key}/"


def write_question(row: Row[Any], sender: str, public_url: str) -> EmailMessage:
    """The mail that asks an address whether it wants any more."""
    page = f"{public_url}/watches/{row.watch}/"
    text = _QUESTION.format(page=page, link=link_of(row, public_url))
    letter = _letter(row, sender, public_url, f"question.{row.key}", row.created)
    letter["Subject"] = "Do you want alerts of MARS by mail?"
    letter.set_content(text)
    return letter


def write_digest(
    row: Row[Any],
    alerts: Sequence[asyncpg.Record],
    found: Mapping[int, datetime],
    sender: str,
    public_url: str,
) -> EmailMessage:
    """The mail of a range of alerts; `alerts` are the newest of those that were `found`."""
    name, count = f"{row.watch}.{row.cursor}.{row.reach}", len(found)
    letter = _letter(row, sender, public_url, name, max(found.values(), default=row.created))
    letter["Subject"] = f"MARS: {count:,} new alert{'' if count == 1 else 's'}"
    # RFC 8058: mail programs show a button that sends a POST there.
    letter["List-Unsubscribe"] = f"<{link_of(row, public_url)}>"
    letter["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    letter.set_content(
        _DIGEST.format(
            count=f"{count:,}",
            s="" if count == 1 else "s",
            shown=f", the newest {len(alerts)}" if len(alerts) < count else "",
            lines="\n".join(_line(alert, public_url) for alert in reversed(alerts)),
            page=f"{public_url}/watches/{row.watch}/",
            link=link_of(row, public_url),
        )
    )
    return letter


def _line(alert: asyncpg.Record, public_url: str) -> str:
    band, magnitude = alert["filter"] or "?", alert["magpsf"]
    size = "" if magnitude is None else f"{magnitude:.2f}"
    place = f"{alert['ra']:.5f} {alert['dec']:+.5f}"
    name = alert["object_id"]
    return f"{name}  {band} {size}  {place}  {public_url}{object_address(name)}"


def _letter(
    row: Row[Any], sender: str, public_url: str, name: str, moment: datetime
) -> EmailMessage:
    """The headers of every mail; one that is sent again has the same Message-ID."""
    letter = EmailMessage(_UNFOLDED)
    letter["From"], letter["To"] = sender, row.address
    letter["Date"] = format_datetime(moment)
    letter["Message-ID"] = f"<{name}@{urlsplit(public_url).hostname}>"
    # RFC 3834: no out-of-office answers to this one.
    letter["Auto-Submitted"] = "auto-generated"
    return letter
