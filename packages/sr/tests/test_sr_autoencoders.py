"""Shapes, couplings and pretrained weights of the autoencoders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_sr.autoencoders import (
    SHAPES,
    CouplingBlock,
    HalfCoupling,
    Shape,
    build_autoencoder,
    choose_trained,
    couple,
    coupling_blocks,
    load_pretrained,
)

TINY = Shape(coupled=True, widths=(8, 16), layers=1, groups=4, latent_channels=2)


def count(module: nn.Module) -> float:
    """Millions of parameters."""
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


def random_coupling(channels: int = 8, changes_first: bool = False) -> HalfCoupling:
    layer = HalfCoupling(channels, changes_first, groups=2).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    return layer


def full_size(name: str) -> Any:
    with torch.device("meta"):
        return build_autoencoder(SHAPES[name])


@given(st.integers(1, 4), st.tuples(st.integers(1, 6), st.integers(1, 6)), st.booleans())
def test_inverse_undoes_a_half_coupling_of_any_size(pairs: int, size: tuple[int, int], changes_first: bool) -> None:
    layer = random_coupling(4 * pairs, changes_first)
    x = torch.randn(2, 4 * pairs, *size, dtype=torch.float64)
    torch.testing.assert_close(layer.inverse(layer(x)[0]), x)


@pytest.mark.parametrize("changes_first", [False, True])
def test_only_one_half_changes_and_both_stay_in_their_places(changes_first: bool) -> None:
    x, layer = torch.randn(2, 8, 3, 5, dtype=torch.float64), random_coupling(changes_first=changes_first)
    (first, second), (kept, other) = x.chunk(2, 1), layer.image(x).chunk(2, 1)
    if changes_first:
        (first, second), (kept, other) = (second, first), (other, kept)
    assert torch.equal(kept, first)
    assert not torch.isclose(other, second).any()


def test_logdet_is_that_of_the_jacobian() -> None:
    x, layer = torch.randn(1, 4, 2, 3, dtype=torch.float64), random_coupling(4)
    jacobian = torch.autograd.functional.jacobian(lambda y: layer(y)[0].flatten(), x).reshape(24, 24)
    torch.testing.assert_close(layer(x)[1][0], torch.linalg.slogdet(jacobian).logabsdet)


def test_image_alone_is_the_same_with_and_without_gradients() -> None:
    x, layer = torch.randn(2, 8, 3, 5, dtype=torch.float64), random_coupling()
    before, with_gradients = x.clone(), layer.image(x)
    with torch.no_grad():
        torch.testing.assert_close(layer.image(x), with_gradients)
    assert torch.equal(x, before)
    assert torch.equal(layer(x)[0], with_gradients)


def test_image_has_the_gradient_of_its_difference_quotients() -> None:
    layer = random_coupling(4)
    assert torch.autograd.gradcheck(layer.image, torch.randn(1, 4, 2, 2, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize("changes_first", [False, True])
def test_a_new_coupling_is_the_identity(changes_first: bool) -> None:
    x = torch.randn(2, 8, 4, 4)
    with torch.no_grad():
        assert torch.equal(CouplingBlock(8, changes_first, 4)(x, None), x)


def test_a_coupling_needs_two_halves() -> None:
    with pytest.raises(ValueError, match="channels: expected an even number, got 5"):
        HalfCoupling(5)


@pytest.mark.parametrize(
    ("name", "total", "encoder", "decoder"),
    [("ae-kl", 83.65, 34.16, 49.49), ("affine-ae", 50.62, 21.48, 29.14), ("vqgan", 83.70, 34.15, 49.49)],
)
def test_full_sizes_have_the_parameters_that_the_thesis_counts(
    name: str, total: float, encoder: float, decoder: float
) -> None:
    autoencoder = full_size(name)
    sizes = [count(part) for part in (autoencoder, autoencoder.encoder, autoencoder.decoder)]
    assert sizes == pytest.approx([total, encoder, decoder], abs=0.005)


def test_twenty_blocks_become_couplings_whose_halves_alternate() -> None:
    blocks = coupling_blocks(full_size("affine-ae").encoder) + coupling_blocks(full_size("affine-ae").decoder)
    assert [block.coupling.changes_first for block in blocks[:8]] == [False, True] * 4
    assert sum(block.coupling.changes_first for block in blocks) == 10


@pytest.mark.parametrize("codes", [0, 16])
def test_a_latent_is_as_many_times_smaller_as_the_shape_says(codes: int) -> None:
    shape = replace(TINY, codes=codes)
    autoencoder = build_autoencoder(shape)
    moments = autoencoder.quant_conv(autoencoder.encoder(torch.randn(1, 3, 16, 8)))
    channels = shape.latent_channels * (1 if codes else 2)
    assert moments.shape == (1, channels, 16 // shape.factor, 8 // shape.factor)


@given(st.booleans(), st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(1, 3), st.integers(0, 9))
def test_settings_make_the_same_shape(coupled: bool, widths: list[int], layers: int, codes: int) -> None:
    shape = Shape(coupled, tuple(8 * width for width in widths), layers, 4, 3, codes)
    assert Shape(**json.loads(json.dumps(shape.settings))) == shape


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"widths": ()}, "one level or more"),
        ({"widths": (8, 10)}, r"widths: expected multiples of 4 \(`groups`\), and even, got 10"),
        ({"widths": (3,), "groups": 3}, "and even, got 3"),
        ({"layers": 0}, "layers: expected a whole number, at least 1, got 0"),
        ({"codes": -1}, "codes: expected a whole number, at least 0, got -1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(TINY, **wrong)


@contextmanager
def pretrained_folder(folder: Path, shape: Shape) -> Iterator[Any]:
    autoencoder = build_autoencoder(replace(shape, coupled=False))
    autoencoder.save_pretrained(folder)
    yield autoencoder


@pytest.mark.parametrize("codes", [0, 16])
def test_every_weight_that_survives_is_kept(tmp_path: Path, codes: int) -> None:
    with pretrained_folder(tmp_path, replace(TINY, codes=codes)) as original:
        affine, loaded = load_pretrained(tmp_path)
    theirs, ours = original.state_dict(), affine.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in loaded.kept)
    assert set(loaded.kept) | set(loaded.left) == set(theirs)
    assert set(loaded.kept) | set(loaded.new) == set(ours)
    assert {name.rpartition(".coupling.")[1] for name in loaded.new} == {".coupling."}
    assert (
        str(loaded)
        == f"{len(loaded.kept)} tensors kept, {len(loaded.new)} new, {len(loaded.left)} of replaced blocks left out"
    )


def test_before_training_couplings_pass_on_what_pretrained_layers_make(tmp_path: Path) -> None:
    with pretrained_folder(tmp_path, TINY) as original:
        affine, _ = load_pretrained(tmp_path)
    for name in couple(original):
        original.get_submodule(name).coupling = nn.Identity()
        original.get_submodule(name).forward = lambda x, temb=None: x
    x = torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(affine(x).sample, original(x).sample)


def test_without_couplings_a_pretrained_autoencoder_is_itself(tmp_path: Path) -> None:
    with pretrained_folder(tmp_path, TINY) as original:
        same, loaded = load_pretrained(tmp_path, coupled=False)
    assert loaded.new == loaded.left == ()
    assert all(torch.equal(tensor, original.state_dict()[name]) for name, tensor in same.state_dict().items())


def test_a_file_of_weights_is_read_by_the_shape_that_it_has(tmp_path: Path) -> None:
    original, file = build_autoencoder(TINY), tmp_path / "affine.safetensors"
    save_file(original.state_dict(), file)
    again, loaded = load_pretrained(file, TINY)
    assert loaded.new == loaded.left == ()
    assert torch.equal(again.state_dict()["encoder.conv_in.weight"], original.state_dict()["encoder.conv_in.weight"])


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    save_file(build_autoencoder(TINY).state_dict(), file := tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"w\.safetensors holds the weights of an autoencoder of another shape"):
        load_pretrained(file, replace(TINY, widths=(8, 24)))


def test_missing_weights_end_with_their_own_exit_code(tmp_path: Path) -> None:
    with pretrained_folder(tmp_path / "vae", TINY):
        (tmp_path / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    for path in (tmp_path / "nowhere", tmp_path / "vae"):
        with pytest.raises(CommandError, match=r"diffusion_pytorch_model\.safetensors") as caught:
            load_pretrained(path)
        assert caught.value.exit_code == ExitCode.WEIGHTS


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('{"_class_name": "UNet2DModel"}', "describes a UNet2DModel"),
        ('{"_class_name": "AutoencoderKL"}', "says no 'block_out_channels'"),
        ("[]", "describes a None"),
    ],
)
def test_a_configuration_of_something_else_is_refused(tmp_path: Path, config: str, said: str) -> None:
    with pretrained_folder(tmp_path, TINY):
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(ValueError, match=said):
        load_pretrained(tmp_path)


def test_only_the_couplings_learn_if_one_says_so() -> None:
    autoencoder = choose_trained(build_autoencoder(TINY), "couplings")
    learnable = {name for name, parameter in autoencoder.named_parameters() if parameter.requires_grad}
    assert learnable == {name for name, _ in autoencoder.named_parameters() if ".coupling." in name}
    assert all(parameter.requires_grad for parameter in choose_trained(autoencoder, "everything").parameters())


def test_without_couplings_there_is_no_training_of_them_alone() -> None:
    with pytest.raises(ValueError, match="has no coupling blocks"):
        choose_trained(build_autoencoder(replace(TINY, coupled=False)), "couplings")
    with pytest.raises(ValueError, match="expected one of everything, couplings, got 'some'"):
        choose_trained(build_autoencoder(TINY), "some")
