"""The main page with one row an object: what its address asks for, and its rows."""

from dataclasses import replace
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from app.alerts.asking.paging import Page
from app.errors import BadForm, BadParameter
from app.mars.form import PAGE_SIZE
from app.pages import links
from app.pages.lists.results import clock
from app.pages.plots.sparkline import write_spark
from app.search.cursor import read_cursor
from app.search.search import DEFAULT_SORT, Search

BY_OBJECT: Final = "object"


def read_grouped(parameters: links.Parameters, search: Search) -> Search:
    """The search of a page of objects, by the parameters `group` and `cursor`. Raises BadForm."""
    if parameters["group"] != BY_OBJECT:
        raise BadForm([BadParameter("group", f"must be {BY_OBJECT}, or be left out")])
    search = replace(search, sort=DEFAULT_SORT, limit=PAGE_SIZE)
    if "cursor" not in parameters:
        return search
    try:
        cursor = read_cursor(parameters["cursor"])
    except ValueError as error:
        raise BadForm([BadParameter("cursor", str(error))]) from None
    if cursor.digest != search.digest or cursor.back or not isinstance(cursor.value, float):
        raise BadForm([BadParameter("cursor", "belongs to another search; begin it anew")])
    return replace(search, cursor=cursor, as_of=cursor.as_of)


class Row(NamedTuple):
    """An object as the page shows it."""

    group: dict[str, Any]
    first: str
    last: str
    spark: Markup


def describe_groups(page: Page | None, parameters: links.Parameters) -> dict[str, Any]:
    """The variables of the template: the switch between alerts and objects, and the objects."""
    kinds = (("Alerts", None), ("Objects", BY_OBJECT))
    switch = [
        (name, links.address(parameters, **links.BEGINNING, group=group), group)
        for name, group in kinds
    ]
    return {
        "switch": switch,
        "switched": parameters.get("group"),
        "grouped": None if page is None else _describe_page(page, parameters),
    }


def _describe_page(page: Page, parameters: links.Parameters) -> dict[str, Any]:
    following = None if page.next is None else links.address(parameters, cursor=page.next)
    return {
        "rows": [
            Row(one, clock(one["first_jd"]), clock(one["last_jd"]), write_spark(one["curve"]))
            for one in page.rows
        ],
        "next": following,
        "start": links.address(parameters, cursor=None) if "cursor" in parameters else None,
    }
