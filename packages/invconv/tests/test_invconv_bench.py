"""``python -m invconv.bench``: what it measures and writes, and what it refuses. Nothing here asserts a time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import asdict
from xml.etree import ElementTree

import pytest

torch = pytest.importorskip("torch")

import invconv  # noqa: E402
from invconv.bench import growth, layers  # noqa: E402
from invconv.bench.__main__ import main  # noqa: E402
from invconv.bench.timing import milliseconds  # noqa: E402

CPU = torch.device("cpu")
QUICK = ["--shape", "2x3x5x4", "--seconds", "0.002"]
LAYER = layers.Layer(2, 3, 5, 4, (2, 3))
SETTINGS = layers.Settings(CPU, torch.float64, ("fixed_point",), 1e-3, 1e9)


def refusal(capsys, *arguments):
    """What is printed when the command line is refused with exit code 2."""
    with pytest.raises(SystemExit) as error:
        main([*arguments])
    assert error.value.code == 2
    return capsys.readouterr().err


def test_the_command_prints_a_row_and_writes_every_number(tmp_path):
    command = [sys.executable, "-m", "invconv.bench", *QUICK, "--kernel", "2x3", "--threads", "1"]
    result = subprocess.run(
        [*command, "--dtype", "float64", "--json", str(tmp_path / "times.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    _, header, row = result.stdout.splitlines()
    assert header.split()[:4] == ["layer", "conv2d", "inverse", "ratio"]
    assert row.startswith("2x3x5x4, k=2x3 ")
    record = json.loads((tmp_path / "times.json").read_text())
    assert record.keys() >= {"machine", "versions", "threads", "device", "dtype", "inverse", "rows"}
    assert (record["threads"], record["device"], record["dtype"]) == (1, "cpu", "float64")
    assert record["versions"]["torch"] == torch.__version__
    assert record["machine"]["solver"].startswith("cpu, ")
    (cells,) = record["rows"]
    assert {key: cells[key] for key in asdict(LAYER)} == {**asdict(LAYER), "kernel": [2, 3]}
    assert cells["ratio"] == cells["inverse_ms"] / cells["conv2d_ms"]
    assert cells["gradients_ratio"] == cells["inverse_gradients_ms"] / cells["conv2d_gradients_ms"]
    assert all(value > 0 for key, value in cells.items() if key.endswith("_ms"))


def test_every_shape_meets_every_kernel(tmp_path, capsys):
    main([*QUICK, "--shape", "1x1x2x2", "--kernel", "1", "--kernel", "3", "--json", str(tmp_path / "t.json")])
    rows = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == ["2x3x5x4, k=1", "2x3x5x4, k=3", "1x1x2x2, k=1", "1x1x2x2, k=3"]


def test_every_method_but_auto_and_dense_has_a_column():
    methods = layers.applicable_methods(CPU, torch.float32)
    assert set(methods) <= set(invconv.METHODS) - {"auto", "dense"}
    row = layers.measure(LAYER, layers.Settings(CPU, torch.float32, methods, 1e-3, 1e9))
    assert {f"{method}_ms" for method in methods[1:]} <= row.keys()


def test_the_default_is_the_table_of_eight():
    assert len(layers.SHAPES) == 8
    assert {(16, 48, 16, 16), (100, 12, 16, 16), (1, 12, 64, 64), (1, 48, 32, 32)} < set(layers.SHAPES)


def test_what_needs_more_memory_is_left_out(capsys):
    main([*QUICK, "--memory", "1e-9"])
    assert set(capsys.readouterr().out.splitlines()[2].split()[2:]) == {"-"}


def test_growth_changes_one_size_at_a_time():
    for name, series in growth.growth(LAYER).items():
        names = {"size": {"height", "width"}}.get(name, {name})
        for layer in series:
            assert {key for key, value in asdict(layer).items() if value != asdict(LAYER)[key]} <= names
        assert len(set(series)) == len(series) >= 6


def test_growth_ends_where_the_inverse_becomes_slow(monkeypatch):
    measured = []

    def measure(layer, settings):
        measured.append((layer.images, settings.methods))
        return {"inverse_ms": 30.0 * layer.images, "slow_ms": 80.0 * layer.images}

    monkeypatch.setattr(growth, "measure", measure)
    settings = layers.Settings(CPU, torch.float32, ("fast", "slow"), 0.1, 1e9)
    list(growth.measure_until_slow(growth.growth(LAYER)["images"], settings))
    assert measured == [(1, ("fast", "slow")), (2, ("fast", "slow")), (4, ("fast",))]


@pytest.mark.parametrize("arguments", [[], ["--growth"]])
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_pictures(monkeypatch, tmp_path, arguments, suffix):
    pytest.importorskip("matplotlib")
    series = {name: [LAYER, layers.Layer(3, 4, 6, 6, (3, 3))] for name in growth.growth(LAYER)}
    monkeypatch.setattr("invconv.bench.run.growth", lambda base: series)
    main([*QUICK, *arguments, "--plot", str(tmp_path / f"times.{suffix}")])
    (picture,) = tmp_path.iterdir()
    if suffix == "png":
        header = picture.read_bytes()[:24]
        assert header.startswith(b"\x89PNG")
        assert int.from_bytes(header[16:20]) == 1500  # pixels: ten inches
        return
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    written = re.findall("<!-- (.*?) -->", picture.read_text())  # matplotlib says there what it draws as outlines
    assert {"milliseconds", "conv2d", "inverse", "conv2d gradients", "inverse gradients"} <= set(written)
    if arguments:
        assert {"images B", "channels C", "height and width m", "kernel size k"} <= set(written)
    else:
        assert "2x3x5x4, k=3" in written
        assert len([text for text in written if re.fullmatch(r"\d+\.\d\d x", text.strip())]) == 2  # the ratios


@pytest.mark.parametrize("shape", ["16x12", "0x1x2x2", "1x2xax3", "1x1x1x1x1", "-1x2x3x3", "1x2x3x", ""])
def test_bad_shapes(capsys, shape):
    message = refusal(capsys, f"--shape={shape}")
    assert f"argument --shape: {shape!r}: expected BxCxHxW, four numbers from 1 on, such as 16x12x32x32" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kernel", "3x3x3"], "argument --kernel: '3x3x3': expected a size from 1 on, such as 3 or 2x3"),
        (["--kernel", "0"], "argument --kernel: '0': expected a size"),
        (["--threads", "0"], "argument --threads: '0': expected a number from 1 on"),
        (["--seconds", "nan"], "argument --seconds: 'nan': expected a number above 0"),
        (["--memory", "-1"], "argument --memory: '-1': expected a number above 0"),
        (["--json", "times.txt"], "'times.txt': expected a name that ends in .json"),
        (["--plot", "times.pdf"], "'times.pdf': expected a name that ends in .png or .svg"),
        (["--json", "no/such/times.json"], "there is no folder 'no/such'"),
        (["--growth", "--shape", "1x1x1x1", "--shape", "1x1x1x2"], "--growth grows one layer"),
    ],
)
def test_bad_arguments(capsys, arguments, message):
    assert message in refusal(capsys, *arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_no_cuda_device(capsys):
    assert "--device cuda: torch finds no CUDA device here" in refusal(capsys, "--device", "cuda")


def test_no_method_for_the_dtype(capsys, monkeypatch):
    monkeypatch.setattr(invconv, "METHODS", ("auto", "lu"))
    assert "no method solves torch.float32 on cpu: method: 'lu' is none of" in refusal(capsys, *QUICK)


def test_without_matplotlib_the_message_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "invconv.bench.plots", raising=False)
    assert "--plot needs matplotlib: pip install 'invconv[bench]'" in refusal(capsys, *QUICK, "--plot", "a.png")


def test_without_torch_the_message_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "invconv.bench.run", raising=False)
    assert "torch is not installed: pip install 'invconv[torch]'" in refusal(capsys, *QUICK)


def test_a_call_that_takes_too_long_is_measured_once():
    calls = []
    milliseconds(lambda: (calls.append("call"), time.sleep(2e-3)), seconds=1e-3, device=CPU)
    assert len(calls) == 2  # the first one sets libraries up


def test_the_measured_layer_is_not_amplified():
    """Numbers that grew to infinity, or shrank to denormals, would be measured in place of the solver."""
    x, y, weight = layers._tensors(layers.Layer(1, 3, 64, 64, (7, 7)), SETTINGS)
    torch.testing.assert_close(invconv.inverse_conv2d(y, weight), x)
    assert invconv.inverse_conv2d(torch.ones_like(y), weight).abs().max() < 20
