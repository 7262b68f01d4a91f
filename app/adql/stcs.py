"""REGION: one Circle, Position, Box or Polygon of STC-S.

IVOA's note "STC-S: Space-Time Coordinate Metadata Linear String Implementation" 1.33, and TAP 1.0,
section 6, which ADQL 2.0 took it from.
"""

from itertools import takewhile
from typing import Any, Final

from app.adql.geometry import Given, Shape, make_shape
from app.adql.language import place_of
from app.adql.values import Value
from app.errors import BadQuery
from app.search.values import read_number
from archive.columns import Kind

_SHAPES: Final = {"POSITION": "POINT", "CIRCLE": "CIRCLE", "BOX": "BOX", "POLYGON": "POLYGON"}
_LONGEST: Final = 4000


def read_region(given: list[Given], node: Any) -> Shape:
    """The shape that a text describes. Raises BadQuery."""
    text = given[0].text if len(given) == 1 and isinstance(given[0], Value) else None
    if text is None or len(text) > _LONGEST:
        raise BadQuery(f"REGION takes one text of at most {_LONGEST} characters{place_of(node)}")
    first, *words = text.upper().split() or [""]
    if first not in _SHAPES:
        raise BadQuery(
            f"REGION of {first[:20]!r} is not supported{place_of(node)}: Circle, Position, Box and "
            "Polygon are, one at a time"
        )
    frame = list(takewhile(str.isidentifier, words))
    numbers = [_number(word, node) for word in words[len(frame) :]]
    told = " ".join(frame)
    return make_shape(_SHAPES[first], [Value("''", Kind.TEXT, text=told), *numbers], node)


def _number(word: str, node: Any) -> Value:
    try:
        number = read_number(word)
    except ValueError:
        raise BadQuery(f"REGION: {word[:40]!r} is no number{place_of(node)}") from None
    return Value(f"{number!r}::float8", Kind.DOUBLE, number=number)
