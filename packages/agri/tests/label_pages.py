"""Crops to label, and how a page about them is asked, for the tests of what it gets and of what it shows."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from nflows_agri.labelling.choosing import Chooser
from nflows_agri.labelling.found import Crops
from nflows_agri.labelling.looking import Looking
from nflows_agri.labelling.server import MOST_BYTES, label_routes
from nflows_agri.labelling.session import Session
from nflows_core.runtime.local_page import LocalPage

CLASSES = ("broken", "grain", "green")
COLOURS = ((90, 60, 40), (220, 190, 120), (60, 160, 60))


def save_crops(folder: Path, count: int) -> Path:
    """So many crops, of the three classes in turn, each a little different."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for number in range(count):
        noise = generator.integers(-15, 16, (12, 9, 3))
        pixels = (np.array(COLOURS[number % 3]) + noise).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"tray_{number:03}.png")
    return folder


def mean_colour(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float().mean((2, 3)) / 255


class Labelling:
    """A page about crops, and how it is asked."""

    def __init__(self, host: str, cookie: str, entrance: str = "") -> None:
        self.host, self.cookie = host, cookie
        self.address = f"http://{host}{entrance}"

    def ask(self, method: str, path: str, value: Any = None, **headers: str) -> tuple[int, bytes]:
        own = {"Cookie": self.cookie, "Origin": f"http://{self.host}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(self.host, timeout=60)
        body = json.dumps(value) if method == "POST" else None
        connection.request(method, path, body, {name: text for name, text in (own | headers).items() if text})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def get(self, path: str = "/state") -> Any:
        status, content = self.ask("GET", path)
        assert status == 200, content
        return json.loads(content)

    def post(self, path: str, value: Any) -> Any:
        status, content = self.ask("POST", path, value)
        assert status == 200, content
        return json.loads(content)

    def label_all(self) -> Any:
        """Answers each crop of the batch by its number in its name, and asks for the next ones."""
        for crop in self.get()["batch"]:
            self.post(f"/crops/{crop['number']}", {"class": int(crop["name"][5:8]) % 3})
        return self.post("/next", {})


@contextmanager
def labelling(
    folder: Path, classes: tuple[str, ...] = CLASSES, batch: int = 4, by: Any = "random"
) -> Iterator[tuple[Labelling, Session]]:
    """A page about the crops in ``in``, as the command serves it, into ``out.csv``."""
    journal = folder / "out.journal"
    journal.mkdir(exist_ok=True)
    crops = Crops(folder / "in")
    looking = None if by == "random" else Looking(crops, mean_colour, 8)
    session = Session(crops, folder / "out.csv", journal, classes, Chooser(by, batch, looking))
    session.begin()
    with LocalPage(label_routes(session), most_bytes=MOST_BYTES) as page:
        if looking is not None:
            looking.start()
        thread = threading.Thread(target=page.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Labelling(page.hosts[0], page.cookie, page.entrance), session
        finally:
            page.shutdown()
            thread.join()
            if looking is not None:
                looking.end()


@contextmanager
def command(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The command in a process of its own, the address of its page, and what it has said."""
    program = "import signal; signal.signal(2, signal.default_int_handler); from nflows_core.cli import main; main()"
    running = subprocess.Popen(
        [sys.executable, "-u", "-c", program, "agri", "label", "in", "-o", "out.csv", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = running.stderr if "--json" in words else running.stdout
    assert said is not None
    with running:
        try:
            first = said.readline()
            assert " crops at http://127.0.0.1:" in first, running.communicate()
            yield running, first.split(" at ")[1].strip(), first
        finally:
            running.kill()


def entered(address: str) -> Labelling:
    """The page of an address, with the cookie of the first visit."""
    host, entrance = address.split("//")[1].split("/")
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", f"/{entrance}")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return Labelling(host, answer.headers["Set-Cookie"].split(";")[0])
