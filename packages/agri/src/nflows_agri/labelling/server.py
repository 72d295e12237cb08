"""What the page asks for, and what it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nflows_agri.labelling.session import Session
from nflows_core.runtime.local_page import Reply, resource_routes

_PACKAGE = "nflows_agri.labelling"
_NAMES = {"": "index.html", "favicon.ico": "icon.svg"} | {name: name for name in ("style.css", "main.js", "view.js")}
_FILES = {path: f"page/{name}" for path, name in _NAMES.items()}
MOST_BYTES = 1000
"""Of one answer."""


def label_routes(session: Session) -> Mapping[str, Callable[..., Reply]]:
    """The functions of the page, as `nflows_core.runtime.local_page.LocalPage` takes them."""
    crops = session.crops

    def answer(number: int, value: Any) -> Reply:
        return Reply.json(session.answer(number, value))

    return {
        **resource_routes(_PACKAGE, _FILES),
        "GET /state": lambda: Reply.json(session.state()),
        "GET /crops/#": lambda number: Reply(crops.shown(number), "image/png"),
        "POST /crops/#": answer,
        "POST /undo": lambda _: Reply.json(session.undo()),
        "POST /next": lambda _: Reply.json(session.advance()),
    }
