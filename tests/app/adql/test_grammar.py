"""Whatever a query is made of, it is translated or refused in words."""

import random
import re
from typing import Final

import pytest

from app.adql.queries import translate
from app.errors import BadQuery
from app.vo.examples import EXAMPLES
from app.vo.tables import BY_NAME
from tests.app.vo import test_plans, test_semantics

_TOKEN: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\w+|<>|<=|>=|!=|\|\||\S")
SOUND: Final = [
    *(example.adql for example in EXAMPLES),
    *(q.replace("{a}", "alert").replace("{b}", "mars.object") for q in test_semantics.QUERIES),
    *(f"SELECT {value} {test_semantics.ONE}" for value in test_semantics.VALUES),
    *(f"SELECT 1 {test_semantics.ONE} AND ({test})" for test in test_semantics.TRUE),
    *test_plans.INDEXED,
]
WORDS: Final = [word for query in SOUND for word in _TOKEN.findall(query)]


def mutated(rng: random.Random) -> str:
    """A query that is all but sound: words left out, put in, taken from others, exchanged."""
    words = _TOKEN.findall(rng.choice(SOUND))
    for _ in range(rng.randint(1, 4)):
        at, other = rng.randrange(len(words)), rng.randrange(len(words))
        match rng.randrange(4):
            case 0 if len(words) > 1:
                words.pop(at)
            case 1:
                words.insert(at, rng.choice(WORDS))
            case 2:
                words[at] = rng.choice(WORDS)
            case _:
                words[at], words[other] = words[other], words[at]
    return " ".join(words)


@pytest.mark.parametrize("seed", range(4))
def test_a_mutated_query_is_translated_or_refused(seed: int) -> None:
    rng, taken, refused = random.Random(seed), 0, 0
    for _ in range(1500):
        text = mutated(rng)
        try:
            translate(text, BY_NAME, [test_plans.MINE], 10)
            taken += 1
        except BadQuery:
            refused += 1
    assert taken > 10
    assert refused > 500
