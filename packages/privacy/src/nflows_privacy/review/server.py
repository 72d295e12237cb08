"""What the page of a review asks for, and what it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nflows_core.runtime.local_page import Reply
from nflows_privacy.review.pictures import Pictures
from nflows_privacy.review.redacting import Redacting

_PACKAGE = "nflows_privacy.review"
_FILES = {"/": "index.html", "/style.css": "style.css"} | {
    f"/{name}.js": f"{name}.js" for name in ("main", "boxes", "keys", "lists", "redaction", "saving", "stage")
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

    def see(number: int, _: Any) -> Reply:
        pictures.see(number)
        return Reply.json({})

    routes: dict[str, Callable[..., Reply]] = {
        **{f"GET {path}": _resource(name) for path, name in _FILES.items()},
        "GET /pictures": listed,
        "GET /pictures/#": lambda number: Reply.json(pictures.marked(number)),
        "GET /pictures/#/preview": lambda number: _jpeg(pictures.views.preview(pictures.source(number))),
        "GET /pictures/#/part/#/#/#/#": lambda number, *part: _jpeg(
            pictures.views.part(pictures.source(number), *part)
        ),
        "POST /pictures/#": lambda number, value: Reply.json(pictures.save(number, value)),
        "POST /pictures/#/seen": see,
    }
    return routes if redacting is None else routes | _redaction_routes(pictures, redacting)


def _redaction_routes(pictures: Pictures, redacting: Redacting) -> dict[str, Callable[..., Reply]]:
    def start(_: Any) -> Reply:
        redacting.start()
        return Reply.json(redacting.state())

    def redacted(number: int) -> Reply:
        return _jpeg(pictures.views.preview(redacting.result(pictures.source(number))))

    return {
        "GET /redaction": lambda: Reply.json(redacting.state()),
        "POST /redaction": start,
        "GET /pictures/#/redacted": redacted,
    }


def _resource(name: str) -> Callable[[], Reply]:
    return lambda: Reply.resource(_PACKAGE, f"page/{name}")


def _jpeg(content: bytes) -> Reply:
    return Reply(content, "image/jpeg")
