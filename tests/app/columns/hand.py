"""A program of app.columns.hands whose orders are ways to go wrong."""

import os
import time
from pathlib import Path
from typing import NamedTuple

from app.columns import hands


class Told(NamedTuple):
    """What to do, and a file that says that it was begun before."""

    word: str
    file: Path = Path()


def do(told: Told) -> int:
    match told.word:
        case "die":
            os._exit(3)
        case "die once" if not told.file.exists():
            told.file.touch()
            os._exit(3)
        case "fail":
            raise ValueError("so it was meant")
        case "print":
            os.write(1, b"what a library prints")
        case "take long":
            told.file.touch()
            time.sleep(1)
        case "die slowly":
            told.file.touch()
            time.sleep(0.5)
            os._exit(3)
        case "soon be idle":
            hands.IDLE_S = 0.1  # type: ignore[misc]  # of this process alone
    return os.getpid()


if __name__ == "__main__":
    hands.serve(do)
