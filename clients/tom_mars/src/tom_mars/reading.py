"""MARS by HTTP: lists page by page, and single answers. Its errors are said in its own words."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import requests
from tom_dataservices.dataservices import QueryServiceError

Query = Mapping[str, Any]

API: Final = "/api/v1"
PAGE: Final = 100
"""Items asked for at once: as many as a TOM shows of a query."""
TIMEOUT_S: Final = 30.0


class NotThere(QueryServiceError):
    """MARS has no such object or watch."""


def get(base_url: str, path: str, query: Query) -> dict[str, Any]:
    """The JSON at a path below the API. Raises NotThere, or QueryServiceError with the reason."""
    try:
        answer = requests.get(f"{base_url}{API}{path}", params=query, timeout=TIMEOUT_S)
        if not answer.ok:
            raise _error_of(answer)
        body: dict[str, Any] = answer.json()
    except requests.RequestException as error:
        raise QueryServiceError(f"MARS at {base_url} does not answer: {error}") from error
    return body


def _error_of(answer: requests.Response) -> QueryServiceError:
    """What a problem document says (RFC 9457)."""
    try:
        reason = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        reason = answer.reason
    kind = NotThere if answer.status_code == requests.codes.not_found else QueryServiceError
    return kind(f"MARS: {reason}")


def read_all(base_url: str, path: str, query: Query) -> Iterator[dict[str, Any]]:
    """The items of a list, page after page as they are asked for, to its end."""
    asked = {**query, "limit": PAGE}
    while True:
        body = get(base_url, path, asked)
        yield from body["items"]
        if body["next"] is None:
            return
        asked["cursor"] = body["next"]
