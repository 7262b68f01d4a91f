"""What a program gives back of what it freed."""

import subprocess
import sys

LARGE = """
{first}
freed = b"x" * (31 << 20)
del freed
blocks = [(b"x" * (1 << 20), b"y" * 600) for _ in range(100)]
kept = [small for _, small in blocks]
del blocks
"""
SMALL = """
import asyncio
memory.give_back()
memory.EVERY_S = 0.05
blocks = [(b"x" * (64 << 10), b"y" * 600) for _ in range(1600)]
kept = [small for _, small in blocks]
del blocks
async def live():
    async with {first}:
        await asyncio.sleep(1)
asyncio.run(live())
"""
HELD = """
import re
from contextlib import nullcontext
from pathlib import Path
from archive import memory
{program}
print(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def held_mb(program: str, first: str) -> float:
    """Memory of a program that has freed 100 MB, among small things which it keeps."""
    command = [sys.executable, "-c", HELD.format(program=program.format(first=first))]
    return int(subprocess.run(command, check=True, capture_output=True).stdout) / 1024


def test_what_lay_between_small_things_is_given_back() -> None:
    assert held_mb(LARGE, "memory.give_back()") < held_mb(LARGE, "") / 2


def test_pages_between_small_things_are_given_back_in_time() -> None:
    assert held_mb(SMALL, "memory.giving_back()") < held_mb(SMALL, "nullcontext()") / 2
