"""What a tree may hold: kinds of nodes, and the parts of each that the translator looks at.

sqlglot knows far more, and writes what it has read into parts of a node: `NOT LIKE` is a LIKE that
is negated. A part that nobody looks at would change the meaning of a query without a word, so a
tree with one is refused.
"""

from typing import Final

from sqlglot import exp

from app.adql.language import Node, place_of
from app.errors import BadQuery

_TWO: Final = frozenset({"this", "expression"})
_ONE: Final = frozenset({"this"})
_TAIL: Final = frozenset({"order", "limit", "offset"})
_SET: Final = _TWO | _TAIL | {"distinct", "with_"}
KNOWN: Final[dict[type, frozenset[str]]] = {
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.And, exp.Or), _TWO),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is), _TWO),
    **dict.fromkeys((exp.Like, exp.ILike), _TWO | {"negate"}),
    **dict.fromkeys((exp.Union, exp.Intersect, exp.Except), _SET),
    **dict.fromkeys((exp.Neg, exp.Not, exp.Paren, exp.Exists, exp.Boolean), _ONE),
    **dict.fromkeys((exp.From, exp.Where, exp.Having, exp.DataTypeParam), _ONE),
    **dict.fromkeys((exp.With, exp.Order, exp.Group, exp.Distinct), frozenset({"expressions"})),
    **dict.fromkeys((exp.Limit, exp.Offset), frozenset({"expression"})),
    **dict.fromkeys((exp.Null, exp.Star), frozenset[str]()),
    exp.Alias: frozenset({"this", "alias"}),
    exp.Anonymous: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.CTE: frozenset({"this", "alias"}),
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.Column: frozenset({"this", "table", "db", "catalog"}),
    exp.DPipe: _TWO | {"safe"},
    exp.DataType: frozenset({"this", "expressions"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.If: frozenset({"this", "true"}),
    exp.In: frozenset({"this", "expressions", "query"}),
    exp.Join: frozenset({"this", "on", "using", "method", "side", "kind"}),
    exp.Literal: frozenset({"this", "is_string"}),
    # Nulls come where PostgreSQL puts them; ADQL has no word for it.
    exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
    exp.Select: _TAIL
    | {"with_", "distinct", "expressions", "from_", "joins"}
    | {"where", "group", "having"},
    exp.Subquery: _TAIL | {"this", "alias"},
    exp.Table: frozenset({"this", "db", "alias", "joins"}),
    exp.TableAlias: frozenset({"this", "columns"}),
}
"""Kind of node -> its parts."""


def check_tree(tree: Node) -> None:
    """Raise BadQuery for a node, or a part of one, that is not listed."""
    for node in tree.walk():
        known = KNOWN.get(type(node))
        if known is None:
            raise BadQuery(f"{_words(node)} is not supported{place_of(node)}")
        for part, value in node.args.items():
            if value and part not in known:
                word = part.strip("_").upper()
                raise BadQuery(f"{word} in {_words(node)} is not supported{place_of(node)}")


def _words(node: Node) -> str:
    return str(node.key).upper()
