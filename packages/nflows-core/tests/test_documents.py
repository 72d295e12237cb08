"""The Python in the documents runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

PACKAGE = Path(__file__).parents[1]
DOCUMENTS = [PACKAGE / "README.md", PACKAGE.parents[1] / "docs" / "guide.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_its_python_runs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not document.exists():
        pytest.skip(f"{document.name} is in the repository only, not in the package")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    blocks = re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    exec(compile("\n".join(blocks), document.name, "exec"), names)
    _check_what_it_claims("\n".join(blocks), names)


def _check_what_it_claims(code: str, names: dict[str, object]) -> None:
    """A comment that gives the shape of what the line defines is right; the code asserts its other claims itself."""
    claims = re.findall(r"^(\w+) = .*# (\([\d, ]+\))", code, flags=re.MULTILINE)
    assert claims or "assert " in code
    assert [(name, str(tuple(names[name].shape))) for name, _ in claims] == claims  # type: ignore[attr-defined]
