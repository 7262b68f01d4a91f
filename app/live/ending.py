"""The end of the process, told to streams: the server waits for open answers before all else."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_TOLD_BY: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_of_the_end(end: Callable[[], None]) -> Iterator[None]:
    """Call `end` when a signal ends the process, before the server's own handler of it.

    A server without one, or in another thread than the first, tells nobody.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {which: signal.getsignal(which) for which in _TOLD_BY}

    def heard(number: int, frame: FrameType | None) -> None:
        end()
        handler = handlers[signal.Signals(number)]
        assert callable(handler)
        handler(number, frame)

    ours = [which for which, handler in handlers.items() if callable(handler)]
    for which in ours:
        signal.signal(which, heard)
    try:
        yield
    finally:
        for which in ours:
            signal.signal(which, handlers[which])
