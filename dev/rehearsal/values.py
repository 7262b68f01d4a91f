"""The small languages of compose.yaml: variables in its texts, durations and sizes."""

import re
from collections.abc import Mapping

from dev.processes import StackError

NAME = re.compile(r"[A-Za-z_]\w*")
WAYS = (":-", ":?", ":+", "-", "?", "+")
SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
BYTES = {"b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30}


def fill(text: str, values: Mapping[str, str]) -> str:
    """Fill in $NAME, ${NAME} and its forms with -, ? and +, one in the other; $$ is a dollar."""
    filled, place = "", 0
    while (dollar := text.find("$", place)) >= 0:
        filled += text[place:dollar]
        after = dollar + 1
        if text.startswith("$", after):
            filled, place = filled + "$", after + 1
        elif text.startswith("{", after):
            place = _end_of(text, after)
            filled += _value(text[after + 1 : place - 1], values)
        elif name := NAME.match(text, after):
            filled, place = filled + values.get(name[0], ""), name.end()
        else:
            raise StackError(f"a dollar alone, which must be doubled: {text}")
    return filled + text[place:]


def _end_of(text: str, brace: int) -> int:
    """Return the place behind the brace that closes the one here."""
    depth = 0
    for place in range(brace, len(text)):
        if text[place] == "{" and text[place - 1] == "$":
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if not depth:
                return place + 1
    raise StackError(f"a brace is never closed: {text}")


def _value(inside: str, values: Mapping[str, str]) -> str:
    found = NAME.match(inside)
    if found is None:
        raise StackError(f"no name of a variable: ${{{inside}}}")
    name, rest = found[0], inside[found.end() :]
    way = next((way for way in WAYS if rest.startswith(way)), "")
    if rest and not way:
        raise StackError(f"no form of a variable: ${{{inside}}}")
    other, value = rest[len(way) :], values.get(name)
    # With a colon an empty value is as good as none.
    here = bool(value) if way.startswith(":") else value is not None
    if way.endswith("+"):
        return fill(other, values) if here else ""
    if here or not way:
        return value or ""
    if way.endswith("?"):
        raise StackError(f"{name} must be set: {fill(other, values)}")
    return fill(other, values)


def seconds_of(text: str) -> float:
    """Return the seconds of a duration such as 1m30s."""
    parts = re.findall(r"(\d+)(ms|h|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise StackError(f"no duration: {text}")
    return sum(int(number) * SECONDS[unit] for number, unit in parts)


def bytes_of(text: str) -> int:
    """Return the bytes of a size such as 64mb."""
    found = re.fullmatch(r"(\d+)([a-z]+)", text.lower())
    if found is None or found[2] not in BYTES:
        raise StackError(f"no size: {text}")
    return int(found[1]) * BYTES[found[2]]
