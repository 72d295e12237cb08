"""Write docs/api.md, a line for every public name of the packages for programs, from the docstrings.

    python tools/api_page.py

Public is what a package or a room of it lists in ``__all__``. Nothing is imported: the page is made of the sources.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from workspace import ROOT

PAGE = ROOT / "docs" / "api.md"
SOURCES = [ROOT / "packages" / package / "src" for package in ("invconv", "nflows-core")]
_MODULES = ("__init__.py", "nn.py")
_START = """# Every public name

A line each, written by `python tools/api_page.py` from the docstrings, which say more: `help(nflows_core.Flow)`. What a
program needs first stands at the top of each package, with the methods of its classes, and the rest in its rooms.
"""


def page() -> str:
    """The text of the page."""
    modules = [path for source in SOURCES for path in sorted(source.rglob("*.py"), key=_name_of)]
    return "\n".join([_START, *(_section(path) for path in modules if path.name in _MODULES and listed(path))])


def listed(module: Path) -> list[str]:
    """The names in a module's ``__all__``."""
    lists = [s.value for s in _tree(module).body if isinstance(s, ast.Assign) and "__all__" in _targets(s)]
    return list(ast.literal_eval(lists[0])) if lists else []


def _section(module: Path) -> str:
    lines = [f"## {_name_of(module)}\n", f"{_first(ast.get_docstring(_tree(module)))}\n"]
    for name in listed(module):
        definition, text = _definition(module, name)
        lines.append(f"- `{name}`: {_first(text)}")
        if "." not in _name_of(module) and isinstance(definition, ast.ClassDef):
            lines += [f"  - `.{method.name}`: {_first(ast.get_docstring(method))}" for method in _methods(definition)]
    return "\n".join([*lines, ""])


def _methods(definition: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    for statement in definition.body:
        # What a method of a base class says is said there.
        if isinstance(statement, ast.FunctionDef) and statement.name[0] != "_" and ast.get_docstring(statement):
            yield statement


def _definition(module: Path, name: str) -> tuple[ast.stmt, str | None]:
    """Where a name is defined, however many modules hand it on, and what is said of it there."""
    statements = list(_statements(_tree(module)))
    for statement, following in zip(statements, [*statements[1:], None], strict=True):
        match statement:
            case ast.ImportFrom(module=str(other)) if any(
                name in (alias.asname, alias.name) for alias in statement.names
            ):
                return _definition(_file(other), name)
            case ast.FunctionDef() | ast.ClassDef() if statement.name == name:
                return statement, ast.get_docstring(statement)
            case ast.Assign() | ast.AnnAssign() if name in _targets(statement):
                is_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
                return statement, ast.literal_eval(following.value) if is_text else None  # type: ignore[union-attr]
    raise ValueError(f"{module} lists {name}, and has none")


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Those of a module, and those for type checkers alone."""
    for statement in tree.body:
        yield from statement.body if isinstance(statement, ast.If) else [statement]


def _targets(statement: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _first(docstring: str | None) -> str:
    """The first paragraph in a line of Markdown."""
    text = " ".join((docstring or "").split("\n\n")[0].split())
    return re.sub(r"(?::\w+:)?(`+)(.+?)\1", r"`\2`", text)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _name_of(path: Path) -> str:
    source = next(source for source in SOURCES if path.is_relative_to(source))
    return ".".join(part for part in path.relative_to(source).with_suffix("").parts if part != "__init__")


def _file(module: str) -> Path:
    parts = Path(*module.split("."))
    candidates = [source / path for source in SOURCES for path in (parts.with_suffix(".py"), parts / "__init__.py")]
    return next(path for path in candidates if path.is_file())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
