"""Rehearse compose.yaml where no engine of containers runs: as root, with the images of buildah.

    make rehearse

Starts each service as compose.yaml has it, in its order, with each health check's own command as
judge; feeds it and runs what its head says; asks it; stops it in reverse. Ends with 1, and a
sentence, where anything is other than compose.yaml promises. The servers whose images come from
elsewhere are this machine's, with those images' users, variables, folders and ways to start.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx

from dev.containers import Engine
from dev.processes import StackError
from dev.rehearsal import network
from dev.rehearsal.compose import read, runs
from dev.rehearsal.jails import Place
from dev.rehearsal.play import Play, end_by_signals, say
from dev.rehearsal.questions import ask_all, await_catalog, await_taken
from dev.state import CHECKOUT, read_settings

COMPOSE = CHECKOUT / "compose.yaml"
MODULE = "dev.rehearsal"


def rehearse(folder: Path) -> None:
    """Go through it all, on volumes of its own, which are new."""
    shutil.rmtree(folder, ignore_errors=True)
    place = Place(folder)
    place.made()
    network.bring_up()
    say(f"logs: {folder}/log")
    services = read(COMPOSE, make_secrets(place))
    network.write_hosts(place.hosts, services)
    play = Play(services, place)
    began = time.monotonic()
    try:
        play.start()
        say(f"up after {time.monotonic() - began:.0f} s")
        perform(play, f"http://{network.address_of(place.hosts, 'app')}:8000")
        play.check()
        say("all still run, and their health checks pass")
        play.stop()
    finally:
        play.strike()
    say(f"all is as compose.yaml promises; {time.monotonic() - began:.0f} s")


def make_secrets(place: Place) -> dict[str, str]:
    """Make a .env by the commands that .env.example has for it; return its values."""
    example = CHECKOUT / ".env.example"
    folder = place.made("env")
    shutil.copy(example, folder)
    lines = [line for line in example.read_text().splitlines() if line.startswith("#   ")]
    command = "\n".join(line.removeprefix("#   ") for line in lines)
    subprocess.run(["bash", "-c", command], cwd=folder, check=True)
    made = read_settings(folder / ".env")
    wanted = read_settings(example)
    if made.keys() != wanted.keys() or not all(made.values()):
        raise StackError(f".env.example's commands give {sorted(made)}, not {sorted(wanted)}")
    return made


def perform(play: Play, site: str) -> None:
    """Run what the head of compose.yaml says, in its order, and ask the app between."""
    stored = 0
    for service, command in runs(COMPOSE.read_text()):
        # What compose names after a service takes the place of the image's command.
        said = play.once(service, command)
        if service == "feeder":
            fed = re.search(r"([\d,]+) alerts put into", said)
            if fed is None:
                raise StackError(f"the feeder does not say what it fed: {said}")
            count = int(fed[1].replace(",", ""))
            await_taken(site, count)
            say(f"{count:,} messages fed and taken in")
            stored = ask_all(site, count)
        elif service == "catalog":
            if f": {stored:,} alerts" not in said:
                raise StackError(f"the catalog should hold {stored:,} alerts: {said}")
            await_catalog(site, stored)


def main() -> int:
    """Check what it needs, go into namespaces of its own, and rehearse there."""
    parser = argparse.ArgumentParser(prog=MODULE, description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local/rehearsal"), help="its folder")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        if not options.inside:
            if os.geteuid():
                raise StackError("it makes namespaces and mounts: run it as root")
            if (engine := Engine().name) != "buildah":
                raise StackError(f"it is for buildah: with {engine}, let compose itself run")
            return network.apart(MODULE, ["--inside", "--local", str(options.local.absolute())])
        end_by_signals()
        Engine()
        rehearse(options.local)
    except KeyboardInterrupt:
        print("rehearsal: interrupted", file=sys.stderr)
        return 130
    except httpx.RequestError as error:
        return _fail(f"{error.request.url} does not answer: {error}")
    except (StackError, subprocess.CalledProcessError) as error:
        return _fail(str(error))
    return 0


def _fail(why: str) -> int:
    print(f"rehearsal: {why}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
