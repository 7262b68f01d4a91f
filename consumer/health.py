"""What the consumer answers on MARS_METRICS_PORT: `/healthz`; metrics at every other address."""

import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import REGISTRY, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

STUCK_S: Final = 180.0
"""Without progress for so long it is not well: a silent broker has been given up by then, and a new
connection has been tried (feed/stream.SILENCE_S)."""
Headers = list[tuple[str, str]]
_METRICS: Final = make_wsgi_app()


class _Silent(WSGIRequestHandler):
    """Without a line for each request on standard error."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def serve(port: int, host: str) -> None:
    """Answer in a thread from now on. Raises OSError where the port is taken."""
    server = make_server(host, port, answer, ThreadingWSGIServer, _Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def answer(
    environ: dict[str, Any], start_response: Callable[[str, Headers], Any]
) -> Iterable[bytes]:
    """`/healthz` is 503 when nothing was fetched or written for STUCK_S; whatever else is metrics.

    The loop that takes in may hang while this thread answers: it is judged by what it has done.
    """
    if environ["PATH_INFO"] != "/healthz":
        answered: Iterable[bytes] = _METRICS(environ, start_response)
        return answered
    silent = time.time() - (REGISTRY.get_sample_value("mars_progress_timestamp_seconds") or 0.0)
    status = HTTPStatus.SERVICE_UNAVAILABLE if silent > STUCK_S else HTTPStatus.OK
    start_response(f"{status} {status.phrase}", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{silent:.0f} s since something was fetched or written\n".encode()]
