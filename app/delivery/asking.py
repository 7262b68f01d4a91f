"""What is asked of a delivery: where it leads, and after which number it begins."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from app.alerts.asking.numbers import parse_number
from app.delivery.subscriptions import check_address
from app.delivery.targets import Target, parse_target
from app.errors import BadParameter, BadParameters, unknown_parameters

KNOWN: Final = ("url", "since")


class Wanted(NamedTuple):
    """A webhook that can be made."""

    target: Target
    since: int | None


def parse_webhook(parameters: Sequence[tuple[str, str]], to_loopback: bool) -> Wanted:
    """The webhook that a body or a form asks for. Raises BadParameters with every error in it."""
    given = [(name, value) for name, value in parameters if value.strip()]
    names = [name for name, _ in given]
    errors = unknown_parameters(names, KNOWN)
    errors += [BadParameter(n, "given more than once") for n in KNOWN if names.count(n) > 1]
    told, target, since = dict(given), None, None
    try:
        target = parse_target(told.get("url", ""), to_loopback)
    except ValueError as error:
        errors.append(BadParameter("url", str(error)))
    try:
        since = parse_number(told["since"]) if "since" in told else None
    except ValueError:
        reason = "must be an lco_id, or 0 for all that the watch has kept"
        errors.append(BadParameter("since", reason))
    if errors or target is None:
        raise BadParameters(errors)
    return Wanted(target, since)


def parse_address(parameters: Sequence[tuple[str, str]]) -> str:
    """The mail address that a body or a form asks for. Raises BadParameters."""
    given = [(name, value.strip()) for name, value in parameters if value.strip()]
    errors = unknown_parameters([name for name, _ in given], ("address",))
    told = [value for name, value in given if name == "address"]
    errors += [BadParameter("address", "given more than once")] if len(told) > 1 else []
    address = ""
    try:
        address = check_address(told[0] if told else "")
    except ValueError as error:
        errors.append(BadParameter("address", str(error)))
    if errors:
        raise BadParameters(errors)
    return address
