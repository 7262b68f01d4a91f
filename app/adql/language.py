"""ADQL as text: its words, and the tree that sqlglot makes of them.

sqlglot reads many dialects generously. Here it knows ADQL's words alone and gives no function a
meaning of its own: `LOG`, for one, is natural in ADQL and decimal in PostgreSQL.
"""

import re
from typing import Any, ClassVar, Final, TypeAlias

from sqlglot import parser, tokens
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from app.errors import BadQuery

Node: TypeAlias = Any
"""A node of sqlglot's tree."""
MAX_TEXT: Final = 65_536
"""Bytes of a query."""
MAX_DEPTH: Final = 50
"""Parentheses within one another."""
_KNOWN: Final = tokens.Tokenizer.KEYWORDS
_WORDS: Final = (
    "ALL AND AS ASC BETWEEN CASE CROSS DESC DISTINCT ELSE END EXCEPT EXISTS FALSE FROM FULL HAVING "
    "ILIKE IN INNER INTERSECT IS JOIN LEFT LIKE NATURAL NOT NULL OFFSET ON OR OUTER RIGHT SELECT "
    "THEN TRUE UNION USING WHEN WHERE WITH"
).split()
_TYPES: Final = {
    "SMALLINT": TokenType.SMALLINT,
    "INTEGER": TokenType.INT,
    "BIGINT": TokenType.BIGINT,
    "REAL": TokenType.FLOAT,
    "DOUBLE PRECISION": TokenType.DOUBLE,
    "CHAR": TokenType.CHAR,
    "VARCHAR": TokenType.VARCHAR,
    "TIMESTAMP": TokenType.TIMESTAMP,
}
_RESERVED: Final = frozenset(
    """
    ABSOLUTE ACTION ADD ALLOCATE ALTER ANY ARE ASSERTION AT AUTHORIZATION BEGIN BIT BIT_LENGTH BOTH
    BY CASCADE CASCADED CATALOG CHARACTER CHARACTER_LENGTH CHAR_LENGTH CHECK CLOSE COLLATE
    COLLATION COLUMN COMMIT CONNECT CONNECTION CONSTRAINT CONSTRAINTS CONTINUE CONVERT
    CORRESPONDING CREATE CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURSOR
    DATE DAY DEALLOCATE DECIMAL DECLARE DEFAULT DEFERRABLE DEFERRED DELETE DESCRIBE DESCRIPTOR
    DIAGNOSTICS DISCONNECT DOMAIN DOUBLE DROP END-EXEC ESCAPE EXCEPTION EXEC EXECUTE EXTERNAL
    EXTRACT FETCH FIRST FLOAT FOR FOREIGN FOUND GET GLOBAL GO GOTO GRANT GROUP HOUR IDENTITY
    IMMEDIATE INDICATOR INITIALLY INPUT INSENSITIVE INSERT INT INTERVAL INTO ISOLATION KEY LANGUAGE
    LAST LEADING LEVEL LOCAL MATCH MINUTE MODULE MONTH NAMES NATIONAL NCHAR NEXT NO NUMERIC
    OCTET_LENGTH OF ONLY OPEN OPTION ORDER OUTPUT OVERLAPS PAD PARTIAL POSITION PRECISION PREPARE
    PRESERVE PRIMARY PRIOR PRIVILEGES PROCEDURE PUBLIC READ REFERENCES RELATIVE RESTRICT REVOKE
    ROLLBACK ROWS SCHEMA SCROLL SECOND SECTION SESSION SESSION_USER SET SIZE SOME SPACE SQL SQLCODE
    SQLERROR SQLSTATE SUBSTRING SYSTEM_USER TABLE TEMPORARY TIME TIMEZONE_HOUR TIMEZONE_MINUTE TO
    TRAILING TRANSACTION TRANSLATE TRANSLATION TRIM UNIQUE UNKNOWN UPDATE USAGE USER VALUE VALUES
    VARYING VIEW WHENEVER WORK WRITE YEAR ZONE
    """.split()
)
"""Words that SQL92 and ADQL reserve and for which ADQL has no use."""
_FUNCTIONS: Final = frozenset(
    """
    ABS ACOS AREA ASIN ATAN ATAN2 AVG BIGINT BOX CEILING CENTROID CIRCLE COALESCE CONTAINS COORD1
    COORD2 COORDSYS COS COT COUNT CAST DEGREES DISTANCE EXP FLOOR ILIKE INTERSECTS IN_UNIT LOG
    LOG10 LOWER MAX MIN MOD NULLIF PI POINT POLYGON POWER RADIANS RAND REGION ROUND SIGN SIN SQRT
    SUM TAN TOP TRUNCATE UPPER
    """.split()
)
"""Words that are reserved where no parenthesis follows."""
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_NUMBER: Final = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_NAMED: Final = frozenset({TokenType.VAR, *_TYPES.values(), TokenType.TOP})


class Adql(Dialect):
    """sqlglot's dialect of it. Registers itself under its name."""

    class Tokenizer(tokens.Tokenizer):
        """Words, numbers, texts and names; comments are those that begin with `--`."""

        KEYWORDS: ClassVar[dict[str, Any]] = {
            **{word: _KNOWN[word] for word in _WORDS},
            **{sign: _KNOWN[sign] for sign in ("<>", "!=", "<=", ">=", "||")},
            **_TYPES,
            "TOP": TokenType.TOP,
            "GROUP BY": TokenType.GROUP_BY,
            "ORDER BY": TokenType.ORDER_BY,
        }
        SINGLE_TOKENS: ClassVar[dict[str, Any]] = {
            **{sign: tokens.Tokenizer.SINGLE_TOKENS[sign] for sign in "(),.;*+-/=<>'\""},
            "|": TokenType.PIPE,
        }
        QUOTES: ClassVar[list[Any]] = ["'"]
        IDENTIFIERS: ClassVar[list[Any]] = ['"']
        COMMENTS: ClassVar[list[Any]] = ["--"]

    class Parser(parser.Parser):
        """Functions are calls of a name; only CAST and CASE have a form of their own."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {"CAST": lambda self: self._parse_cast(True)}
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            "CASE": parser.Parser.NO_PAREN_FUNCTION_PARSERS["CASE"]
        }

        def _parse_join(self, *args: Any, **named: Any) -> Any:
            """A join; a comma is one without a condition, which no JOIN may lack."""
            listed = self._curr is not None and self._curr.token_type is TokenType.COMMA
            join = super()._parse_join(*args, **named)
            if join is not None and listed:
                join.set("kind", "CROSS")
            return join


def parse_adql(text: str) -> Node:
    """The tree of a query. Raises BadQuery, with the place."""
    if len(text.encode()) > MAX_TEXT:
        raise BadQuery(f"the query is too long: at most {MAX_TEXT:,} bytes are allowed")
    if "\0" in text:
        raise BadQuery("the query contains a NUL character")
    try:
        dialect = Dialect.get_or_raise(Adql)
        words = dialect.tokenize(text)
        _check_words(words)
        trees = dialect.parser().parse(words, text)
    except SqlglotError as error:
        raise BadQuery(_plain(error)) from None
    found = [tree for tree in trees if tree is not None]
    if not found:
        raise BadQuery("there is no query: it must begin with SELECT or WITH")
    if len(found) > 1:
        raise BadQuery("one query at a time: there is more behind the semicolon")
    return found[0]


def _check_words(words: list[Token]) -> None:
    depth = 0
    for token, following in zip(words, [*words[1:], None], strict=False):
        kind = token.token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        if depth > MAX_DEPTH:
            raise BadQuery(f"more than {MAX_DEPTH} parentheses within one another")
        if kind in (TokenType.IDENTIFIER, TokenType.STRING):
            continue
        called = following is not None and following.token_type is TokenType.L_PAREN
        if kind is TokenType.NUMBER and not _NUMBER.fullmatch(token.text):
            raise BadQuery(f"{_shown(token.text)} is no number{place_of(token)}")
        if kind is TokenType.TOP and getattr(following, "token_type", None) is not TokenType.NUMBER:
            raise BadQuery(f"TOP takes a whole number from 0 on{place_of(token)}")
        if kind is TokenType.VAR:
            _check_name(token, called)
        if kind is TokenType.PIPE:
            raise BadQuery(f"| is no operator of ADQL{place_of(token)}: texts are joined by ||")


def _check_name(token: Token, called: bool) -> None:
    name = token.text
    if not _NAME.fullmatch(name):
        raise BadQuery(
            f"{_shown(name)} is no name{place_of(token)}: a name has letters, digits and _, and "
            'begins with a letter; any other stands in "double quotes"'
        )
    if name.upper() in _RESERVED or (name.upper() in _FUNCTIONS and not called):
        raise BadQuery(
            f"{name} is a reserved word of ADQL{place_of(token)}: as a name it has to stand in "
            f'double quotes, "{name.lower()}"'
        )


def place_of(token: Any) -> str:
    """Where a token or a node stands, as the end of a sentence; empty where nobody knows."""
    line, column = _place(token)
    return "" if line is None else f" (line {line}, character {column})"


def _place(token: Any) -> tuple[Any, Any]:
    if isinstance(token, Token):
        return token.line, token.col - len(token.text) + 1
    for node in token.walk():
        if "line" in node.meta:
            return node.meta["line"], node.meta["col"] - len(node.name) + 1
    return None, None


def _shown(text: str) -> str:
    return repr(text[:40])


def _plain(error: SqlglotError) -> str:
    """What a parser says, in a line, without its colours."""
    told = getattr(error, "errors", None)
    if not told:
        return f"the query cannot be read: {str(error).splitlines()[0][:200]}"
    first = told[0]
    near = f"{first['highlight']}"[:40]
    return (
        f"the query cannot be read at {near!r} (line {first['line']}, character "
        f"{max(1, first['col'] - len(first['highlight'] or '') + 1)}): "
        f"{_words_of(first['description'])}"
    )


def _words_of(description: str) -> str:
    missing = re.match(r"Required keyword: '(\w+)' missing for .*\.(\w+)'>", description)
    if missing:
        return f"something is missing in {missing[2]}"
    return description.removeprefix("Invalid expression / ").rstrip(".")[:200].lower()
