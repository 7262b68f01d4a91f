"""Pictures of pages and of a notebook, by a demo of its own: `python -m dev.pictures`.

They are what a visitor of the demo sees, in Chromium; the notebook is run by its own packages.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from playwright.async_api import Browser, ViewportSize, async_playwright

from dev.processes import StackError
from dev.state import CHECKOUT

PICTURES: Final = CHECKOUT / "docs" / "pictures"
NOTEBOOK: Final = CHECKOUT / "docs" / "first-look.ipynb"
SITE: Final = "http://127.0.0.1:8000"
"""Where a demo is, as documents have it."""
BROWSER: Final = "/usr/bin/chromium-headless-shell"
READY: Final = "demo: MARS answers at "


class Shot(NamedTuple):
    """A page, and how much of it stands in the picture."""

    name: str
    address: str
    width: int
    height: int


PAGES: Final = (
    Shot("list", "/?drb__gte=0.5&magpsf__lte=18", 1400, 860),
    Shot("object", "/objects/ZTF18hkapgpi/", 1400, 1000),
)


@contextmanager
def running_demo(local: Path, port: int) -> Iterator[str]:
    """The address of a demo that has been fed."""
    command = [sys.executable, "-m", "dev.demo", "--local", str(local), "--port", str(port)]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
    assert demo.stdout is not None
    try:
        for line in demo.stdout:
            if line.startswith(READY):
                yield line.removeprefix(READY).split("/ ")[0]
                return
        raise StackError(f"the demo ended with {demo.wait()}")
    finally:
        demo.send_signal(signal.SIGINT)
        demo.communicate()


def run_notebook(python: Path, site: str, folder: Path) -> Path:
    """The notebook as a page of HTML, with all that its cells answer."""
    own = folder / NOTEBOOK.name
    own.write_text(NOTEBOOK.read_text().replace(SITE, site))
    kernels = folder / "jupyter"
    environment = os.environ | {"JUPYTER_DATA_DIR": str(kernels), "IPYTHONDIR": str(kernels)}
    command = [str(python), "-m", "nbconvert", "--log-level", "WARN", "--execute", "--to", "html"]
    # Else the page asks other hosts for what typesets formulas, of which it has none.
    alone = ["--HTMLExporter.mathjax_url=", "--HTMLExporter.require_js_url="]
    subprocess.run([*command, *alone, own], check=True, env=environment)
    page = own.with_suffix(".html")
    page.write_text(page.read_text().replace(site, SITE))
    return page


async def _take(browser: Browser, shot: Shot) -> None:
    size = ViewportSize(width=shot.width, height=shot.height)
    context = await browser.new_context(viewport=size, color_scheme="light")
    page = await context.new_page()
    await page.goto(shot.address, wait_until="networkidle")
    # What has come is not yet drawn.
    await page.evaluate(
        "Promise.all([...document.images].filter(i => i.complete).map(i => i.decode()))"
    )
    await page.screenshot(path=PICTURES / f"{shot.name}.png")
    await context.close()


async def take_all(shots: list[Shot]) -> None:
    """One file in docs/pictures for each."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        for shot in shots:
            await _take(browser, shot)
        await browser.close()


def main() -> int:
    """Run a demo, take its pictures, end it."""
    parser = argparse.ArgumentParser(prog="dev.pictures", description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local/pictures"), help="state folder")
    parser.add_argument("--port", type=int, default=18850, help="port of the app")
    parser.add_argument("--notebook", type=Path, required=True, help="Python that has nbconvert")
    options = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    with running_demo(options.local, options.port) as site:
        page = run_notebook(options.notebook.absolute(), site, options.local.absolute())
        notebook = Shot("notebook", page.as_uri(), 1000, 1560)
        shots = [one._replace(address=site + one.address) for one in PAGES]
        asyncio.run(take_all([*shots, notebook]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
