"""The main page: its table, form and buttons, as scrapers and browsers find them."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lxml import html

from tests.mars.asking import MAX_PAGES
from tests.mars.conftest import Ours
from tests.mars.recordings import Arguments, Recordings
from tests.mars.tally import Explained, Tally

Rows = list[list[str]]
PAGE_SIZE = 100
MEANT = {"id": ("id", "objectId"), "jd": ("jd", ""), "desc": ("desc", "")}
"""What an option may send instead: the original sorted by row number under the word objectId, and
newest first is what no value means."""


async def page_of(ours: Ours, args: Arguments, page: int) -> Any:
    answer = await ours.client.get("/", params={**args, "page": page})
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return html.document_fromstring(answer.text)


def text_of(element: Any) -> str:
    return " ".join(element.text_content().split())


def rows_of(tree: Any) -> Rows:
    """The cells of the first table's body that the original had."""
    table = tree.xpath("(//table)[1]")[0]
    return [[text_of(cell) for cell in row.xpath("td")][:12] for row in table.xpath("tbody/tr")]


async def candids_of(ours: Ours, args: Arguments) -> dict[str, str]:
    """Number to candid, of all alerts that the arguments find."""
    known: dict[str, str] = {}
    for page in range(1, MAX_PAGES):
        body = await ours.json("/", **{**args, "page": page})
        known |= {str(a["lco_id"]): str(a["candid"]) for a in body["results"]}
        if not body["has_next"]:
            break
    return known


async def rows_of_all_pages(ours: Ours, args: Arguments, known: dict[str, str]) -> Rows:
    """Restricted to the alerts that the original had, the candid in place of the number."""
    rows: Rows = []
    for page in range(1, 2 + (len(known) - 1) // PAGE_SIZE):
        rows += rows_of(await page_of(ours, args, page))
    assert [row[0] for row in rows] == list(known)
    named = [[known[row[0]], *row[1:]] for row in rows]
    return [row for row in named if row[0] in ours.recorded]


def value_of(option: Any) -> str:
    """What an option sends."""
    return str(option.get("value", text_of(option)))


def form_problems(tree: Any, entry: Any) -> list[str]:
    """Every field of the original's form is there and shows what was asked for."""
    problems = []
    for kind, name, _, value in entry["form_inputs"]:
        found = tree.xpath(f"//form//{kind}[@name=$name]", name=name)
        if not found:
            problems.append(f"the form has no {kind} {name}")
        elif kind == "input" and (found[0].get("value") or "") != value:
            problems.append(f"{name} shows {found[0].get('value')!r}, not {value!r}")
        elif kind == "select" and value not in (
            "",
            *map(value_of, found[0].xpath("option[@selected]")),
        ):
            problems.append(f"{name} does not show {value!r}")
    for name, options in entry.get("form_options", {}).items():
        found = tree.xpath("//form//select[@name=$name]/option", name=name)
        offered = [value_of(option) for option in found]
        missing = [value for value, _ in options if not {*MEANT.get(value, (value,))} & {*offered}]
        if missing:
            problems.append(f"{name} does not offer {missing}")
    return problems


def button_problems(tree: Any, args: Arguments, page: int, pages: int) -> list[str]:
    """Prev and Next lead to the neighbours that are there, with all else as it was."""
    problems = []
    asked = {name: value for name, value in args.items() if name != "page"}
    for word, neighbour in (("Prev", page - 1), ("Next", page + 1)):
        links = tree.xpath("//a[@href and starts-with(normalize-space(.), $word)]", word=word)
        wanted = {**asked, "page": str(neighbour)}
        leads = [
            dict(parse_qsl(urlsplit(link.get("href")).query))
            for link in links
            if link.get("href") != "#"
        ]
        there = 1 <= neighbour <= pages
        if there and wanted not in leads and not (neighbour == 1 and asked in leads):
            problems.append(f"{word} leads to {leads}, not to {wanted}")
        if not there and wanted in leads:
            problems.append(f"{word} leads to page {neighbour}, which is not there")
    return problems


async def test_index(ours: Ours, recordings: Recordings, tally: Callable[[str], Tally]) -> None:
    index = tally("main pages")
    for entry in recordings.load("html_index_headers"):
        page = int(entry["args"].get("page", 1))
        args = {name: value for name, value in entry["args"].items() if name != "page"}
        known = await candids_of(ours, args)
        tree = await page_of(ours, args, page)
        problems = form_problems(tree, entry)
        headers = [text_of(cell) for cell in tree.xpath("(//table)[1]//tr[1]/th")]
        if headers[:12] != entry["headers"]:
            problems.append(f"headers {headers}")
        size = min(PAGE_SIZE, max(0, len(known) - PAGE_SIZE * (page - 1)))
        if len(rows_of(tree)) != size or size < entry["n_rows"]:
            problems.append(f"{len(rows_of(tree))} rows, not {size}; recorded {entry['n_rows']}")
        first = PAGE_SIZE * (page - 1)
        shown = (await rows_of_all_pages(ours, args, known))[first:] if known else []
        right = entry["rows"]
        if entry.get("known_fault"):
            right = [row for row in right if row[0] not in recordings.opposite_signs]
        for recorded, row in zip(right, shown, strict=False):
            if recorded != row:
                problems.append(f"row {row}, recorded {recorded}")
        (latest,) = entry["latest"]
        if latest.removeprefix("Latest Alert: ").removesuffix(" UTC") not in text_of(tree):
            problems.append(f"no {latest!r}")
        problems += button_problems(tree, args, page, max(1, -(-len(known) // PAGE_SIZE)))
        explained = None
        if fault := entry.get("known_fault"):
            explained = Explained(repr(args), fault, repr(entry["rows"]), repr(shown[:5]))
        index.add(repr(entry["args"]), problems, explained)
    assert index.faults(5) == []
