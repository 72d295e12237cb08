"""A review of a folder as the command serves it, in a thread, for the tests of what it gets and of what it shows."""

from __future__ import annotations

import http.client
import io
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nflows_core.runtime.jobs import plan_batch
from nflows_core.runtime.local_page import LocalPage
from nflows_core.runtime.pictures.options import READ
from nflows_privacy.review import Pictures, Redacting, review_routes


class Review:
    """A page about the pictures of a folder, and how it is asked."""

    def __init__(self, page: LocalPage, folder: Path) -> None:
        self.page, self.folder = page, folder

    def ask(self, method: str, path: str, value: Any = None, **headers: str) -> tuple[int, bytes]:
        own = {"Cookie": self.page.cookie, "Origin": f"http://{self.page.hosts[0]}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.page.port, timeout=30)
        body = json.dumps(value) if method == "POST" else None
        connection.request(method, path, body, {name: text for name, text in (own | headers).items() if text})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def get(self, path: str) -> Any:
        status, content = self.ask("GET", path)
        assert status == 200, content
        return json.loads(content)

    def save(self, number: int, regions: Sequence[Any], **others: Any) -> tuple[int, Any]:
        marks = self.get(f"/pictures/{number}")
        value = {"sha256": marks["sha256"], "version": marks["version"], "regions": regions, **others}
        status, content = self.ask("POST", f"/pictures/{number}", value)
        return status, json.loads(content)

    def picture(self, path: str) -> Image.Image:
        status, content = self.ask("GET", path)
        assert status == 200, content
        return Image.open(io.BytesIO(content))


def scene(height: int = 48, width: int = 64, channels: int = 3) -> np.ndarray:
    """Dark on the left, light on the right, so that a picture that lies on its side is known."""
    ramp = np.linspace(0, 250, width).astype(np.uint8)[None, :, None]
    return np.broadcast_to(ramp, (height, width, channels)).copy()


def save(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


@contextmanager
def reviewed(
    folder: Path, redacting: Redacting | None = None, kinds: Sequence[str] = ("face", "plate")
) -> Iterator[Review]:
    """A review of what is in ``in``, into ``found``, as the command serves it."""
    found = folder / "found"
    found.mkdir(exist_ok=True)
    suffixes = {"": ".json", **{suffix: f"{suffix}.json" for suffix in READ}}
    jobs = plan_batch([folder / "in"], found, READ, target_suffix=suffixes).jobs
    pictures = Pictures(jobs, found, [folder / "in"])
    with LocalPage(review_routes(pictures, kinds, redacting), most_bytes=10_000) as page:
        thread = threading.Thread(target=page.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Review(page, folder)
        finally:
            page.shutdown()
            thread.join()
            pictures.close()
