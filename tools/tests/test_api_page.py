"""docs/api.md has every public name, and what it says is what the docstrings say."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

import api_page

TEXT = api_page.PAGE.read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL))


def test_it_is_what_the_docstrings_say() -> None:
    assert api_page.page() == TEXT, "write it anew: python tools/api_page.py"


@pytest.mark.parametrize("module", SECTIONS)
def test_every_public_name_has_a_line(module: str) -> None:
    home = import_module(module)
    lines = dict(re.findall(r"^- `(\w+)`: (.*)$", SECTIONS[module], flags=re.MULTILINE))
    assert set(lines) == set(home.__all__)
    assert all(len(line) > 10 for line in lines.values())
    assert all(hasattr(home, name) for name in lines)


def test_no_room_is_left_out() -> None:
    for source in api_page.SOURCES:
        rooms = [path for path in source.rglob("__init__.py") if api_page.listed(path)]
        assert {".".join(path.parent.relative_to(source).parts) for path in rooms} <= set(SECTIONS)
