from __future__ import annotations

import datetime
import tomllib
from pathlib import Path

import pytest

from release import ReleaseError, bump, check, main, section
from workspace import ROOT

DAY = datetime.date(2026, 11, 21)
CHANGELOG = """# Changelog

## [Unreleased]

### Added

- A second layer.

## [0.1.0] - 2026-01-02

- A first layer.
"""


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    folder = tmp_path / "packages" / "flows"
    (folder / "src" / "flows").mkdir(parents=True)
    (folder / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    (folder / "pyproject.toml").write_text('[project]\nname = "flows"\nversion = "0.1.0"\n[tool.x]\nversion = "7"\n')
    (folder / "src" / "flows" / "__init__.py").write_text('"""Flows."""\n\n__version__ = "0.1.0"\n')
    return folder


def versions(folder: Path) -> tuple[str, str]:
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["tool"]["x"]["version"] == "7"
    return project["project"]["version"], (folder / "src" / "flows" / "__init__.py").read_text().split('"')[-2]


def test_a_bump_moves_the_unreleased_changes_to_the_new_version(flows: Path) -> None:
    bump(flows, "0.2.0", DAY)
    assert versions(flows) == ("0.2.0", "0.2.0")
    text = (flows / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text == CHANGELOG.replace("## [Unreleased]", "## [Unreleased]\n\n## [0.2.0] - 2026-11-21")
    assert section(text, "Unreleased") == ""
    assert check("flows-v0.2.0", flows.parents[1]) == "### Added\n\n- A second layer."


def test_the_first_release_keeps_the_version_that_stands_there(flows: Path) -> None:
    first = "# Changelog\n\n## [Unreleased]\n\n- A first layer."
    (flows / "CHANGELOG.md").write_text(first, encoding="utf-8")
    bump(flows, "0.1.0", DAY)
    assert versions(flows) == ("0.1.0", "0.1.0")
    assert check("flows-v0.1.0", flows.parents[1]) == "- A first layer."


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0.2", "no version"),
        ("v0.2.0", "no version"),
        ("0.2.0rc1", "no version"),
        ("0.0.9", "older than its 0.1.0"),
        ("0.1.0", "released already"),
    ],
)
def test_a_version_that_does_not_fit_changes_nothing(flows: Path, version: str, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        bump(flows, version, DAY)
    assert versions(flows) == ("0.1.0", "0.1.0")
    assert (flows / "CHANGELOG.md").read_text(encoding="utf-8") == CHANGELOG


def test_the_tenth_minor_version_follows_the_ninth(flows: Path) -> None:
    bump(flows, "0.9.0", DAY)
    changelog = flows / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## [Unreleased]", "## [Unreleased]\n\n- A third layer."))
    bump(flows, "0.10.0", DAY)
    assert check("flows-v0.10.0", flows.parents[1]) == "- A third layer."


def test_nothing_to_say_is_nothing_to_release(flows: Path) -> None:
    (flows / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-01-02\n\n- A layer.\n")
    with pytest.raises(ReleaseError, match=r"nothing under '## \[Unreleased\]'"):
        bump(flows, "0.2.0", DAY)


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("flows-0.1.0", "no release tag"),
        ("v0.1.0", "no release tag"),
        ("flows-v0.1.0.post1", "no release tag"),
        ("streams-v0.1.0", "no package streams in .*; there are flows"),
        ("flows-v0.2.0", "pyproject.toml: says 0.1.0, the tag 0.2.0"),
    ],
)
def test_a_tag_that_does_not_fit_is_refused(flows: Path, tag: str, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        check(tag, flows.parents[1])


def test_every_version_must_agree_with_the_tag(flows: Path) -> None:
    (flows / "src" / "flows" / "__init__.py").write_text('__version__ = "0.0.1"\n')
    with pytest.raises(ReleaseError, match=r"__init__.py: says 0.0.1"):
        check("flows-v0.1.0", flows.parents[1])


def test_a_version_without_a_section_is_refused(flows: Path) -> None:
    (flows / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n- A layer.\n")
    with pytest.raises(ReleaseError, match=r"no section \[0.1.0\]"):
        check("flows-v0.1.0", flows.parents[1])


def test_the_command_prints_the_section_and_nothing_else(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "flows-v0.1.0"], flows.parents[1]) == 0
    assert capsys.readouterr().out == "- A first layer.\n"
    assert main(["--check", "flows-v3.0.0"], flows.parents[1]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "the tag 3.0.0" in captured.err


@pytest.mark.parametrize("arguments", [[], ["flows"], ["flows", "0.2.0", "--check", "flows-v0.2.0"]])
def test_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2


@pytest.mark.parametrize("file", sorted(ROOT.glob("packages/*/CHANGELOG.md")), ids=lambda file: file.parent.name)
def test_every_package_can_be_released(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("## [Unreleased]\n") == 1
