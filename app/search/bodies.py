"""The query of a list in a body: a JSON object or a form -> names and values, as in an address."""

import json
from typing import Any, Final
from urllib.parse import parse_qsl

from app.errors import BadBody, BadParameter, BadParameters, UnknownMedia

Pairs = list[tuple[str, str]]

FORM: Final = "application/x-www-form-urlencoded"
MEDIA: Final = ("application/json", FORM)
MAX_PAIRS: Final = 64
"""Parameters in a body, and as many `where`: as many as an address may have."""
_VALUES: Final = "must be a text, a number, true, false, or a list of texts and numbers"


class _Object(list[tuple[str, Any]]):
    """A JSON object with every key, also one that is there twice."""


def read_query_body(kind: str, body: bytes) -> Pairs:
    """The parameters in a body of this Content-Type; none in an empty one.

    Raises UnknownMedia, BadBody, or BadParameters for values that cannot stand in an address.
    """
    if not body:
        return []
    kind = kind.partition(";")[0].strip().lower()
    if kind not in MEDIA:
        raise UnknownMedia(f"Content-Type must be one of {', '.join(MEDIA)}")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadBody(f"the body is not UTF-8: {error.reason}") from None
    pairs = _read_form(text) if kind == FORM else _read_json(text)
    filters = sum(name == "where" for name, _ in pairs)
    if max(filters, len(pairs) - filters) > MAX_PAIRS:
        most = f"at most {MAX_PAIRS} are allowed, and as many `where`"
        raise BadBody(f"too many parameters: {most}")
    return pairs


def _read_form(text: str) -> Pairs:
    if not text.strip():
        raise BadBody("the form is blank: send name=value, joined by &, or no body at all")
    return parse_qsl(text, keep_blank_values=True)


def _read_json(text: str) -> Pairs:
    try:
        read = json.loads(text, object_pairs_hook=_Object, parse_constant=_refuse_constant)
    except RecursionError:
        raise BadBody("the body is nested too deeply: it must be one JSON object") from None
    except ValueError as error:
        raise BadBody(f"the body is not JSON: {str(error)[:200]}") from None
    if not isinstance(read, _Object):
        raise BadBody('the body must be a JSON object, such as {"magpsf__lt": 13}')
    pairs: Pairs = []
    errors: list[BadParameter] = []
    for name, value in read:
        if not name.isprintable():
            raise BadBody("a name in the body holds characters that cannot be printed")
        try:
            pairs += [(name, text) for text in _texts(name, value)]
        except ValueError as error:
            errors.append(BadParameter(name[:64], str(error)))
    if errors:
        raise BadParameters(errors[:MAX_PAIRS])
    return pairs


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


def _texts(name: str, value: Any) -> list[str]:
    """A value as an address has it: once, or as often as `where` is repeated there."""
    if not isinstance(value, list) or isinstance(value, _Object):
        return [_text(value)]
    texts = [_text(one) for one in value]
    if name == "where":
        return texts
    if not texts:
        raise ValueError("must not be an empty list: leave it out")
    if any("," in text for text in texts):
        raise ValueError("a text in a list must not hold a comma, which separates values here")
    return [",".join(texts)]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if not isinstance(value, str):
        raise ValueError(_VALUES)
    if not value.strip():
        raise ValueError("must not be blank: leave it out")
    return value
