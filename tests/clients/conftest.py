"""The steps of clients, told at the end of every run."""

import pytest

from tests.conftest import lines_at_the_end


@pytest.fixture
def steps() -> list[str]:
    """A client's steps, one line each; they are printed when the run ends, passed or not."""
    return lines_at_the_end("unmodified clients")
