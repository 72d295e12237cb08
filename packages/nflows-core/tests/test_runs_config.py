"""The configuration of a run as an enemy, an editor or another version leaves it: the field is named, in no time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nflows_core.runs import RunError, load_run, read_run
from nflows_core.runs.conditioning import class_rows
from nflows_core.runtime.errors import ExitCode, explain
from nflows_core.runtime.tensors import CheckpointError
from run_folders import untrained_run

HUGE = 10**4000
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_run(tmp_path_factory.mktemp("run"))


def used(folder: Path) -> None:
    """What every command that samples does first."""
    class_rows(read_run(folder), 2)
    load_run(folder)


def refused(folder: Path) -> str:
    with pytest.raises((RunError, CheckpointError)) as raised:
        used(folder)
    message, exit_code = explain(raised.value)
    assert exit_code == ExitCode.USAGE
    assert len(message) < 1000
    return message


def edited(run: Path, folder: Path, edit: Edit) -> Path:
    shutil.copytree(run, folder, dirs_exist_ok=True)
    configuration = json.loads((run / "config.json").read_text())
    edit(configuration)
    (folder / "config.json").write_text(json.dumps(configuration))
    return folder


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("model", [["glow"], {"a": 1}, None, 5, "os.system", "../../x", ""]),
        ("arguments", ["x", [], None, {"__class__": "x"}, {"self": 1}]),
        ("data", [5, None, ["x"]]),
        ("size", ["abc", -1, 0, True, 1.5]),
        ("bits", ["abc", -1, 0, True]),
        ("skip_others", ["abc", 1, None]),
        ("fingerprint", [5, [], "x", {"train": 1}, {"train": {"images": 1}}]),
        ("classes", ["abc", 5, None, [["a"]], [1]]),
        ("training", [None, [], {"epochs": "x"}, {"conditional": True}, {"epochs": 1, "seed": -1}, {"epochs": 0}]),
    ],
)
def test_an_entry_that_makes_no_sense_is_named(run: Path, tmp_path: Path, name: str, values: list[Any]) -> None:
    named = {"arguments": "arguments|takes no", "training": "training|epochs|seed"}.get(name, name)
    for value in values:
        message = refused(edited(run, tmp_path, lambda configuration, value=value: configuration.update({name: value})))
        assert "config.json" in message
        assert any(word in message for word in named.split("|")), message


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("levels", [10**9, -1, 0, "2", 2.5, None, True]),
        ("depth", [10**7, 0, -3, "x", [1], 900]),
        ("width", [10**7, -1, 0, "x", HUGE, 8000]),
        ("context_features", [-1, 10**9, "x", 5000]),
        ("context_width", [-1, 10**9, "x", 5000]),
        ("shape", [[1, 28], "abc", [1, 10**6, 10**6], [-1, 8, 8], [0, 8, 8], [1.5, 8, 8], [[1], 8, 8], None, 5]),
        ("quantization", [0, 1, -5, 1e308, "256", float("nan"), None]),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(run: Path, tmp_path: Path, name: str, values: list[Any]) -> None:
    for value in values:
        folder = edited(run, tmp_path, lambda configuration, v=value: configuration["arguments"].update({name: v}))
        assert name in refused(folder)


@pytest.mark.parametrize("size", [10**5, 0, -3, "x", [3, 3, 3], [3, 0], None])
def test_a_kernel_that_makes_no_sense_is_named(run: Path, tmp_path: Path, size: Any) -> None:
    def edit(configuration: dict[str, Any]) -> None:
        configuration["model"] = "inverse-flow"
        configuration["arguments"]["kernel_size"] = size

    assert "kernel_size" in refused(edited(run, tmp_path, edit))


def test_a_conditional_run_without_classes_is_told(run: Path, tmp_path: Path) -> None:
    def edit(configuration: dict[str, Any]) -> None:
        configuration["training"]["conditional"] = True
        configuration["classes"] = []

    with pytest.raises(ValueError, match="conditioned on something else than classes"):
        used(edited(run, tmp_path, edit))


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"{}", b"\xff\xfe{}", b"[" * 100_000, b'{"model":NaN}', b'{"model":' + b"9" * 5000 + b"}"],
)
def test_what_is_no_configuration(run: Path, tmp_path: Path, content: bytes) -> None:
    shutil.copytree(run, tmp_path, dirs_exist_ok=True)
    (tmp_path / "config.json").write_bytes(content)
    assert "does not describe a run of this version" in refused(tmp_path)


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.integers(10**6, 10**30)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
_PLACES = st.sampled_from(
    [
        *[
            (name,)
            for name in (
                "model",
                "arguments",
                "data",
                "size",
                "classes",
                "training",
                "versions",
                "kind",
                "bits",
                "splits",
                "fingerprint",
            )
        ],
        *[
            ("arguments", name)
            for name in ("shape", "levels", "depth", "width", "context_features", "context_width", "quantization", "x")
        ],
        *[("training", name) for name in ("epochs", "batch_size", "seed", "schedule", "conditional", "ema_decay", "x")],
    ]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(_PLACES, _VALUES), min_size=1, max_size=2))
def test_any_configuration_is_used_or_refused(
    run: Path, tmp_path: Path, edits: list[tuple[tuple[str, ...], Any]]
) -> None:
    def edit(configuration: dict[str, Any]) -> None:
        for (*above, name), value in edits:
            place = configuration
            for step in above:
                place = place[step] if isinstance(place.get(step), dict) else {}
            place[name] = value

    folder = edited(run, tmp_path, edit)
    try:
        used(folder)
    except ValueError as error:
        assert explain(error)[1] == ExitCode.USAGE  # noqa: PT017
