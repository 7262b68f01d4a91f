"""Solar-system bodies as people, MPC and ZTF write them, and what is none of them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.search.solarsystem import body_of, spell_body
from app.search.vocabulary import FILTERS

BODIES = {
    # The forms of ssnamenr in the real packets: 8467, 2010CG48.
    "2830": ["02830", "(2830)", "2830 Greenwich", "(2830) Greenwich"],
    "97125": ["97125 1999 VG102", "(97125) 1999 VG102"],
    "3552": ["3552 Don Quixote", "(3552) Don Quixote (1983 SA)"],
    "1": ["1 Ceres (A801 AA)", "1 ceres"],
    "2309": ["2309 Mr. Spock"],
    "1931": ["1931 Čapek"],
    "2010CG48": ["2010 CG48", "2010cg48", "2010  cg48"],
    "A898PA": ["A898 PA"],
    "2019AB": ["2019 AB"],
    "2040P-L": ["2040 P-L"],
    "67P": ["67p", "67P/Churyumov-Gerasimenko", "67P (Churyumov)"],
    "73P-BB": ["73p-bb", "73P-BB/Schwassmann-Wachmann 3"],
    "73P-C": ["73P-C/Schwassmann-Wachmann 3"],
    "9P": ["9P Tempel 1"],
    "1I": ["1I/'Oumuamua", "1I 'Oumuamua"],
    "C/2020F3": ["C/2020 F3", "c/2020 f3 (NEOWISE)", "C/2020 F3 NEOWISE"],
    "P/2010WK": ["P/2010 WK", "P/2010 WK (LINEAR)"],
    "C/2016KA": ["C/2016 KA"],
    "D/1993F2-A": ["D/1993 F2-A (Shoemaker-Levy 9)"],
}
OTHERS = """51 Peg|51 Peg b|61 Cygni A|47 Tuc|47 Tuc Cluster|30 Doradus|47 Ursae Majoris|9 Psc
12 Canum Venaticorum|5 Canis Minoris|82 G. Eridani|2018 cow|SN 2018cow|2011fe|1987A|1987 A|1.5
3C 273|10d|4C 05.34|1 Zw 18|II Zw 40|2MASS J06495091-0737408|C/2019|PSR J0534+2200|٤٣٣"""


@pytest.mark.parametrize("body", BODIES)
def test_bodies(body: str) -> None:
    for text in (body, *BODIES[body]):
        assert body_of(text) == spell_body(text) == body, text


def test_others() -> None:
    for text in OTHERS.replace("\n", "|").split("|"):
        assert body_of(text) is None, text


def test_small_letters_are_no_supernova_where_a_body_is_asked_for() -> None:
    assert (body_of("2010 pa"), spell_body("2010 pa")) == (None, "2010PA")
    assert spell_body("51 peg") is None


@given(st.text(max_size=200))
def test_the_spelling_of_a_spelling_is_itself(text: str) -> None:
    body = spell_body(text)
    assert body is None or spell_body(body) == body


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200))
def test_what_is_stored_is_found_as_it_is_written(text: str) -> None:
    """Whatever else a text is taken for; of a list, where it holds no comma."""
    if text.strip():
        assert text in FILTERS["ssnamenr"].read(text).values
        assert text in FILTERS["rbversion"].read(text).values
        listed = [part for part in text.split(",") if part.strip()]
        assert not listed or {*listed} <= {*FILTERS["ssnamenr__in"].read(text).values}


@pytest.mark.parametrize(
    "piece", ["1", "1 ", "a", "a ", "a.", "1 a", "(", "1P ", "C/1", "2019 AB1 "]
)
def test_a_long_text_costs_no_more_than_its_length(piece: str) -> None:
    def cost(length: int) -> float:
        text = "1 " + piece * (length // len(piece)) + "\n!"
        began = time.thread_time()
        for _ in range(20):
            spell_body(text)
        return time.thread_time() - began

    short, whole = (min(cost(length) for _ in range(10)) for length in (1_000, 16_000))
    # What goes back from each place would cost 256 times as much.
    assert whole < 64 * short
