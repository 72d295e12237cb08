"""What autoencoders cost, and the command that compares them."""

from __future__ import annotations

import json

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from nflows_core.cli import nflows
from nflows_core.runtime.cli import run
from nflows_core.runtime.errors import ExitCode
from nflows_sr.autoencoders import SHAPES, Shape, build_autoencoder
from nflows_sr.cli.bench import MODELS
from nflows_sr.cli.info import info
from nflows_sr.evaluation.autoencoder_costs import STAGES, compare_costs, count_flops
from nflows_sr.evaluation.autoencoder_parts import autoencoder_parts

TINY = Shape(coupled=False, widths=(8, 16), layers=1, groups=4)
CPU = torch.device("cpu")


def test_the_encoder_of_couplings_has_two_thirds_of_the_operations_and_the_decoder_three_quarters() -> None:
    affine, residual = (count_flops(SHAPES[name], 512) for name in ("affine-ae", "ae-kl"))
    assert affine["encode"] / residual["encode"] == pytest.approx(0.65, abs=0.01)
    assert affine["decode"] / residual["decode"] == pytest.approx(0.75, abs=0.01)


def test_operations_counted_without_computing_are_those_of_the_computation() -> None:
    autoencoder = build_autoencoder(TINY)
    # Torch does not count the fused attention of a CPU.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        autoencoder.quant_conv(autoencoder.encoder(torch.zeros(1, 3, 16, 16)))
    assert count_flops(TINY, 16)["encode"] == counter.get_total_flops()


def test_a_row_has_seconds_and_ratios_to_the_first_and_memory() -> None:
    done: list[str] = []
    (row,) = compare_costs({"small": TINY}, 16, 2, CPU, done.append)
    assert row["model"] == "small"
    assert {value for name, value in row.items() if name.endswith("ratio")} == {1}
    assert row["encode_gigaflops"] == count_flops(TINY, 16)["encode"] / 1e9
    assert min(row[f"{stage}_seconds"] for stage in STAGES) > 0
    assert row["peak_megabytes"] >= 0
    assert len(done) == 1 + 3


@pytest.mark.parametrize(
    ("name", "total", "learnable"), [("affine-ae", 68.3, 53.6), ("ae-kl", 145, 47.2), ("vqgan", 101.2, None)]
)
def test_parameters_are_those_of_the_thesis_to_a_hundredth(name: str, total: float, learnable: float | None) -> None:
    parts = autoencoder_parts(name)
    assert parts["parameters"] / 1e6 == pytest.approx(total, rel=0.01)
    if learnable is not None:
        assert parts["learnable_parameters"] / 1e6 == pytest.approx(learnable, rel=0.01)
    assert parts["thesis_million_parameters"] == total


def test_couplings_alone_are_less_than_half_of_what_learns() -> None:
    parts = autoencoder_parts("affine-ae")
    assert parts["learnable_parameters_if_couplings_alone"] == (
        parts["coupling_blocks_parameters"] + parts["discriminator_parameters"]
    )
    assert parts["coupling_blocks_parameters"] < parts["autoencoder_parameters"]


def test_info_prints_the_parts_of_an_autoencoder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(nflows, ["sr", "info", "vqgan", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == autoencoder_parts("vqgan")
    assert run(nflows, ["sr", "info", "vqgan", "--scale", "2"]) == ExitCode.USAGE
    assert "--scale: vqgan is counted untrained" in capsys.readouterr().err


def test_a_picture_that_does_not_divide_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(nflows, ["sr", "bench", "--size", "100"]) == ExitCode.USAGE
    assert "--size: expected a multiple of 8, got 100" in capsys.readouterr().err


def test_an_unknown_autoencoder_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(nflows, ["sr", "bench", "--model", "glow"]) == ExitCode.USAGE
    assert "'glow' is not one of 'affine-ae', 'ae-kl'" in capsys.readouterr().err


def test_the_commands_name_every_autoencoder_that_there_is() -> None:
    assert set(MODELS) == set(SHAPES)
    assert info.help is not None
    assert all(name in info.help for name in SHAPES)
