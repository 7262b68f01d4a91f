"""The steps of clients, told at the end of every run."""

import pytest

_steps: list[str] = []


@pytest.fixture
def steps() -> list[str]:
    """A client's steps, one line each; they are printed when the run ends, passed or not."""
    return _steps


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _steps:
        terminalreporter.section("unmodified clients")
        for line in _steps:
            terminalreporter.write_line(line)
