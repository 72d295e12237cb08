"""The model that comes with the package works from everywhere, without its data, and is as good as its card says."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nflows_core import shipped
from nflows_core.cli import nflows
from nflows_core.data import read_images
from nflows_core.evaluation import bits_per_dim
from nflows_core.latents import stored_directions
from nflows_core.latents.attributes import thickness
from nflows_core.runs import load_run
from nflows_core.runtime.cli import run

MOST_BYTES = 2_500_000


@pytest.fixture(params=shipped.names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_there_is_one() -> None:
    assert "mnist-inverse-flow" in shipped.names()


def test_is_small_and_has_a_card(name: str) -> None:
    folder = shipped.find_run(name)
    assert sum(path.stat().st_size for path in folder.iterdir()) < MOST_BYTES
    assert f"nflows sample {name}" in (folder / "README.md").read_text()


def test_its_weights_are_known_by_their_digest(name: str) -> None:
    folder = shipped.find_run(name)
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert json.loads((folder / "config.json").read_text())["weights_sha256"] == digest


def test_is_found_by_its_name_unless_a_folder_has_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (shipped.find_run(name) / "config.json").is_file()
    (tmp_path / name).mkdir()
    assert shipped.find_run(name) == Path(name)
    assert shipped.find_run("elsewhere/run") == Path("elsewhere/run")


def test_samples_from_anywhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(nflows, ["sample", name, "-n", "16", "-o", "samples.png"]) == 0
    with Image.open(tmp_path / "samples.png") as picture:
        pixels = np.asarray(picture)
    # Digits are ink on black: much black, some white.
    assert (pixels == 0).mean() > 0.4
    assert (pixels > 200).mean() > 0.03


def test_edits_along_its_own_directions(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bar = np.zeros((28, 28), dtype=np.uint8)
    bar[5:23, 12:15] = 255
    Image.fromarray(bar).save("one.png")
    widths = []
    for amount in (-1, 0, 1):
        command = ["edit", name, "one.png", "--attribute", "thickness", "--amount", str(amount), "-o", f"{amount}.png"]
        assert run(nflows, command) == 0
        with Image.open(f"{amount}.png") as picture:
            widths.append(thickness(torch.from_numpy(np.array(picture))[None, None] / 255).item())
    assert widths[0] < widths[1] < widths[2]
    assert {"thickness", "7"} <= stored_directions(shipped.find_run(name)).keys()


@pytest.mark.real_data
def test_is_as_good_as_its_card_says(data_folder: Path) -> None:
    folder = shipped.find_run("mnist-inverse-flow")
    card = re.search(r"bits per dimension \| ([\d.]+) \(", (folder / "README.md").read_text())
    assert card is not None
    measured = bits_per_dim(load_run(folder), read_images(str(data_folder / "mnist"), "test")[:2000])
    assert measured.mean == pytest.approx(float(card[1]), abs=4 * measured.standard_error)
