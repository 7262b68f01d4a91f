"""Requests that fit openapi.json and are refused all the same: which, and why it cannot say so.

Only a 400 or 422 is let pass, and only where every one of its errors is of this table.
"""

import re
from typing import Any, Final, NamedTuple


class Refusal(NamedTuple):
    """A parameter (a pattern), what the server says of it (a pattern), and why it must."""

    parameter: str
    reason: str
    why: str


ANY: Final = r".*"
BODY: Final = "the body"
"""What a 400 is about, which names no parameter."""
REFUSALS: Final = (
    Refusal(ANY, r".*holds characters that cannot be printed", "no pattern names those characters"),
    Refusal(ANY, r".*holds a NUL or a lone surrogate", "no pattern names those characters"),
    Refusal(ANY, r".*the (radius|ra|dec) must be between", "a bound on a number inside a text"),
    Refusal(ANY, r"(?:ra|dec) must be between", "a bound on a number inside a text"),
    Refusal(
        r"radius|positions\[\d+\]",
        r"(the radius )?must be more than 0 and at most",
        "a bound on a number inside a text, narrower for watches",
    ),
    Refusal("polygon", r"a value longer than", "a bound on a number inside a text"),
    Refusal(ANY, r".*outside the range of 64-bit", "a pattern counts digits only"),
    Refusal(
        ANY, r".*outside the range of (single|double)", "a number of a text, or of a REAL column"
    ),
    Refusal(r"time__\w+", r"not a date or an RFC 3339 time", "a pattern knows no calendar"),
    Refusal("before", r"not a day as YYYYMMDD", "a pattern knows no calendar"),
    Refusal("as_of", r"the newest batch is \d+", "which batches there are"),
    Refusal("region", r"there is no region", "which regions there are"),
    Refusal("after", r"there is no alert", "which alerts there are, up to `as_of`"),
    Refusal("cone", r"a cone or ssnamenr is needed", "one of two parameters"),
    Refusal("min_period", r"must be shorter than|would take", "the other bound, and the fluxes"),
    Refusal("polygon", r"is .* across|has 2|its sides|its vertices|two neigh", "geometry"),
    Refusal(
        "limit",
        r"must be between 1 and 1000, or \d+ in any format",
        "a bound that hangs on `format`",
    ),
    Refusal("explain", r"only an answer in json has room", "a value that hangs on `format`"),
    Refusal("limit", r"must be between 1 and \d+$", "a bound that the server's operator sets"),
    Refusal(ANY, r"must not be blank", "patterns of parameters in an address let a blank pass"),
    Refusal("sort", r"unknown field|sorting by this field needs", "a long list of fields"),
    Refusal("where", r"unknown filter|\w+: ", "700 filters, each with values of its own"),
    Refusal("fields", r"unknown field|\w+ is named more than once", "a list of 150 names"),
    Refusal("name", r"too large for|.*r=|must not be empty", "a grammar of names"),
    Refusal(r"positions\[\d+\]", r"(id '.*': )?no radius", "the body's or the parameter's"),
    Refusal("credible_level", "given more than once", "the form's or the parameter's"),
    Refusal(BODY, "send one region", "one of two parts of a form"),
    Refusal(
        BODY,
        "this is no MOC|this FITS file|this skymap|the body is empty|the region|the probabilities|"
        "UNIQ|PROBDENSITY",
        "what cells there are, and what a file's bytes mean",
    ),
)


def excused(status: int, body: Any) -> tuple[Refusal, ...]:
    """The lines of the table that a refusal stands in; none if any of its errors does not."""
    told = body if isinstance(body, dict) else {}
    errors = told.get("errors", [])
    if status == 400:
        errors = [{"parameter": BODY, "reason": told.get("detail", "")}]
    found = [next((line for line in REFUSALS if _fits(line, error)), None) for error in errors]
    return tuple(line for line in found if line) if status in (400, 422) and all(found) else ()


def _fits(line: Refusal, error: dict[str, Any]) -> bool:
    if (line.parameter == BODY) != (error["parameter"] == BODY):
        return False
    named = re.fullmatch(line.parameter, error["parameter"])
    return bool(named and re.match(line.reason, error["reason"], re.DOTALL))
