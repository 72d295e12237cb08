"""What the page of a review asks for, and what it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nflows_core.runtime.local_page import Reply, resource_routes
from nflows_privacy.annotations.annotated import Annotations, Marked
from nflows_privacy.annotations.coco import write_coco
from nflows_privacy.review.pictures import Pictures
from nflows_privacy.review.redacting import Redacting
from nflows_privacy.review.views import Views

_PACKAGE = "nflows_privacy.review"
_SCRIPTS = ("boxes.js", "keys.js", "lists.js", "main.js", "redaction.js", "saving.js", "stage.js")
_FILES = {
    "": "page/index.html",
    "favicon.ico": "page/icon.svg",
    **{name: f"page/{name}" for name in ("style.css", *_SCRIPTS)},
}
MOST_BYTES = 2**22
"""Of one picture's boxes: some forty thousand."""


def review_routes(
    pictures: Pictures, kinds: Sequence[str], redacting: Redacting | None
) -> Mapping[str, Callable[..., Reply]]:
    """The functions of the page, as `nflows_core.runtime.local_page.LocalPage` takes them.

    Arguments:
        pictures: The pictures.
        kinds: The kinds of things that a person marks.
        redacting: The command behind the button; without one there is no button.
    """

    def listed() -> Reply:
        return Reply.json({"pictures": pictures.listed(), "kinds": list(kinds), "can_redact": redacting is not None})

    def coco() -> Reply:
        return Reply(_coco(pictures, kinds), "application/json", file_name="boxes.json")

    def see(number: int, _: Any) -> Reply:
        pictures.see(number)
        return Reply.json({})

    routes: dict[str, Callable[..., Reply]] = {
        **resource_routes(_PACKAGE, _FILES),
        "GET /pictures": listed,
        "GET /coco": coco,
        "GET /pictures/#": lambda number: Reply.json(pictures.marked(number)),
        **_views("original", pictures.views, pictures.source),
        "POST /pictures/#": lambda number, value: Reply.json(pictures.save(number, value)),
        "POST /pictures/#/seen": see,
    }
    return routes if redacting is None else routes | _redaction_routes(pictures, redacting)


def _redaction_routes(pictures: Pictures, redacting: Redacting) -> dict[str, Callable[..., Reply]]:
    def start(_: Any) -> Reply:
        redacting.start()
        return Reply.json(redacting.state())

    return {
        "GET /redaction": lambda: Reply.json(redacting.state()),
        "POST /redaction": start,
        **_views("redacted", pictures.views, lambda number: redacting.result(pictures.source(number))),
    }


def _coco(pictures: Pictures, kinds: Sequence[str]) -> bytes:
    """All that is marked, as a file of COCO's."""
    marked = {name: Marked(found.regions, (found.width, found.height)) for name, found in pictures.found()}
    if not marked:
        raise ValueError("nothing is known of any picture yet: draw boxes, or say that there is nothing to mark")
    with TemporaryDirectory() as folder:
        path = Path(folder, "boxes.json")
        write_coco(path, Annotations(str(path), marked, tuple(kinds)))
        return path.read_bytes()


def _views(name: str, views: Views, path: Callable[[int], Path]) -> dict[str, Callable[..., Reply]]:
    """A picture as a whole, and its part with left, top, width and height behind it."""
    return {
        f"GET /pictures/#/{name}": lambda number: Reply(views.preview(path(number)), "image/jpeg"),
        f"GET /pictures/#/{name}/#/#/#/#": lambda number, *part: Reply(views.part(path(number), *part), "image/jpeg"),
    }
