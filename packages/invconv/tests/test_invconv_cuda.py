"""The CUDA solver: its index arithmetic on the host, whether it compiles, and on a device against pure torch."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import invconv  # noqa: E402
from invconv import CORNERS, cuda_ops, geometry  # noqa: E402
from random_kernels import random_kernel  # noqa: E402

CSRC = Path(__file__).parents[1] / "csrc"
ARCHITECTURES = ("80", "90", "100")

needs_device = pytest.mark.skipif(not cuda_ops.has_solver(), reason=f"CUDA solver: {cuda_ops.describe_solver()}")


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def host_compiler() -> str:
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        pytest.skip("no C++ compiler to build the kernels for the host with")
    return compiler


@pytest.mark.slow
@pytest.mark.skipif(not (CSRC / "tests").exists(), reason="the sources are not here")
def test_the_kernels_on_the_host(tmp_path):
    """Every tier, tile and corner against the formula, with both orders of a block's threads, under sanitizers."""
    compiler, program = host_compiler(), tmp_path / "test_cuda_host"
    probe = tmp_path / "probe.cpp"
    probe.write_text("int main() { return 0; }")
    sanitize = "-fsanitize=address,undefined"
    can_sanitize = subprocess.run([compiler, sanitize, probe, "-o", tmp_path / "probe"], capture_output=True)
    flags = [sanitize, "-fno-sanitize-recover=all"] if can_sanitize.returncode == 0 else []
    sources = [CSRC / "tests/test_cuda_host.cpp", CSRC / "cuda/plan.cpp"]
    run(compiler, "-std=c++17", "-O1", *flags, "-I", CSRC, *sources, "-o", program)
    tested = run(program)
    for variant in ("all shared, tile 8", "kernel in global memory", "all in global memory", "pieces of rows"):
        assert variant in tested


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nvcc"), reason="no CUDA compiler (nvcc)")
def test_the_kernels_compile_without_spilling_registers(tmp_path):
    supported = run("nvcc", "--list-gpu-arch")
    targets = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in ARCHITECTURES if f"compute_{a}" in supported.split()]
    command = ["nvcc", "-std=c++17", "-O3", "-I", CSRC, *targets, "-Xptxas", "-v", "-c", CSRC / "cuda/launch.cu"]
    done = subprocess.run([*command, "-o", tmp_path / "launch.o"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    spills = [line for line in done.stderr.splitlines() if "spill stores" in line]
    assert len(spills) >= 10 * len(targets)
    assert all("0 bytes spill stores, 0 bytes spill loads" in line for line in spills)


def test_without_the_extension_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr(cuda_ops, "_cuda", None)
    cuda_ops.has_solver.cache_clear()
    try:
        assert not cuda_ops.has_solver()
        assert "INVCONV_CUDA=ON" in cuda_ops.describe_solver()
    finally:
        cuda_ops.has_solver.cache_clear()


@pytest.mark.skipif(not cuda_ops.is_compiled(), reason="built without the CUDA solver")
def test_the_extension_needs_no_driver_and_checks_what_it_gets():
    from invconv import _cuda

    assert _cuda.device_count() >= 0
    with pytest.raises(ValueError, match="its channels are not those of the images"):
        _cuda.solve_workspace((1, 3, 4, 4), (4, 4, 3, 3), (0,), "float32", 0)
    with pytest.raises(ValueError, match="dtype: expected float32 or float64, got int8"):
        _cuda.weight_gradient_workspace((1, 3, 4, 4), (3, 3, 3, 3), (0,), "int8", 0)
    if not cuda_ops.has_solver():
        with pytest.raises(RuntimeError, match="CUDA: "):
            _cuda.solve_workspace((1, 3, 4, 4), (3, 3, 3, 3), (0,), "float32", 0)


# On a device.


def problem(rng, *, batch=3, corners=("tl",), channels=4, size=(6, 7), kernel_size=(3, 3), dtype=torch.float64):
    weight = torch.from_numpy(random_kernel(rng, corners, channels, kernel_size)).to("cuda", dtype)
    y = torch.from_numpy(rng.normal(size=(batch, len(corners) * channels, *size))).to("cuda", dtype)
    return y, weight


def solve(y, weight, corners, **keywords):
    x = torch.full_like(y, torch.nan)
    cuda_ops.solve(y, weight, corners, x, **keywords)
    return x


def reference(y, weight, corners):
    return invconv.inverse_conv2d(y, weight, corners, "fixed_point")


SHAPES = [
    {"batch": 100, "channels": 12, "size": (16, 16)},  # that of the goals
    {"channels": 48, "size": (32, 32)},
    {"channels": 96, "size": (8, 8)},  # the taps do not fit into shared memory
    {"channels": 200, "size": (5, 9)},  # nor does the anchor
    {"channels": 2, "size": (3, 5000)},
    {"channels": 8, "size": (1100, 1100), "batch": 1},  # nor do the last diagonals
    {"channels": 5, "size": (1, 1)},
    {"channels": 3, "size": (4, 3), "kernel_size": (7, 5)},
    {"batch": 70_000, "channels": 1, "size": (2, 3)},
    {"batch": 0},
]


@pytest.mark.cuda
@needs_device
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_agrees_with_the_fixed_point_method(rng, shape, dtype):
    y, weight = problem(rng, dtype=dtype, **shape)
    expected = reference(y.double(), weight.double(), ("tl",)).to(dtype)
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(solve(y, weight, ("tl",)), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.cuda
@needs_device
@pytest.mark.parametrize("corners", [*((corner,) for corner in CORNERS), CORNERS, ("br", "br", "tl")])
@pytest.mark.parametrize("size", [(5, 8), (8, 5)])
def test_all_corners_in_one_launch_and_the_transposed_map(rng, corners, size):
    y, weight = problem(rng, corners=corners, size=size)
    torch.testing.assert_close(solve(y, weight, corners), reference(y, weight, corners))
    g = torch.randn_like(y)
    v = solve(g, weight, corners, transposed=True)
    torch.testing.assert_close((v * y).sum(), (g * solve(y, weight, corners)).sum())


@pytest.mark.cuda
@needs_device
@pytest.mark.parametrize("corners", [("tr",), ("bl", "tl")])
def test_the_weight_gradient_is_that_of_autograd(rng, corners):
    y, weight = problem(rng, corners=corners, batch=50, size=(9, 14), kernel_size=(2, 3))
    weight.requires_grad_()
    x, g = reference(y, weight, corners), torch.randn_like(y)
    x.backward(g)
    v = solve(g, weight.detach(), corners, transposed=True)
    gradients = [cuda_ops.weight_gradient(v, x.detach(), weight.shape, corners) for _ in range(2)]
    torch.testing.assert_close(gradients[0], weight.grad)
    assert torch.equal(*gradients)


@pytest.mark.cuda
@needs_device
def test_strides(rng):
    y, weight = problem(rng)
    expected = solve(y, weight, ("bl",))
    wide = torch.zeros(*y.shape[:3], 2 * y.shape[3], dtype=y.dtype, device="cuda")
    wide[..., ::2] = y
    for other in (
        wide[..., ::2],
        y.contiguous(memory_format=torch.channels_last),
        y.transpose(0, 1).clone().transpose(0, 1),
    ):
        x = torch.empty_strided(y.shape, other.stride(), dtype=y.dtype, device="cuda")
        cuda_ops.solve(other, weight.transpose(2, 3).clone().transpose(2, 3), ("bl",), x)
        assert torch.equal(x, expected)


@pytest.mark.cuda
@needs_device
def test_a_side_stream_and_a_captured_graph(rng):
    y, weight = problem(rng, batch=20, dtype=torch.float32)
    expected, x = solve(y, weight, ("tl",)), torch.empty_like(y)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        cuda_ops.solve(y, weight, ("tl",), x)
    torch.cuda.current_stream().wait_stream(stream)
    assert torch.equal(x, expected)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        cuda_ops.solve(y, weight, ("tl",), x)
        gradient = cuda_ops.weight_gradient(y, x, weight.shape, ("tl",))
    y.mul_(2)
    graph.replay()
    torch.testing.assert_close(x, 2 * expected)
    torch.testing.assert_close(gradient, cuda_ops.weight_gradient(y, x, weight.shape, ("tl",)))


@pytest.mark.cuda
@needs_device
@pytest.mark.parametrize("entry", [0.0, np.inf, np.nan])
def test_a_bad_anchor_makes_its_group_nan(rng, entry):
    corners = ("tl", "br")
    y, weight = problem(rng, corners=corners)
    anchor = geometry.anchor_index("tl")
    weight[1, :, anchor[0], anchor[1]] = entry
    x = solve(y, weight, corners)
    assert x[:, :4].isnan().all()
    assert x[:, 4:].isfinite().all()


@pytest.mark.cuda
@needs_device
@pytest.mark.parametrize("method", ["wavefront", "fixed_point", "dense"])
def test_the_convolution_has_the_precision_of_its_inverse(rng, method):
    y, weight = problem(rng, dtype=torch.float32, batch=8, channels=16, size=(16, 16))
    before = torch.backends.cudnn.conv.fp32_precision
    x = invconv.inverse_conv2d(y, weight, "tl", method=method)
    torch.testing.assert_close(invconv.conv2d(x, weight, "tl"), y, rtol=2e-5, atol=2e-5)
    assert torch.backends.cudnn.conv.fp32_precision == before


@pytest.mark.cuda
@needs_device
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # forward mode's own doing
def test_transforms_do_not_cost_the_convolution_its_precision(rng):
    y, weight = problem(rng, dtype=torch.float32, batch=8, channels=16, size=(16, 16))
    exact = invconv.conv2d(y.double(), weight.double()).float()
    mapped = torch.func.vmap(invconv.conv2d, (0, None))(y[None], weight)[0]
    _, change = torch.func.jvp(lambda y: invconv.conv2d(y, weight), (y,), (y,))
    for computed in (mapped, change):
        torch.testing.assert_close(computed, exact, rtol=2e-5, atol=2e-5)


@pytest.mark.cuda
@needs_device
def test_gradcheck(rng):
    class Solve(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y, weight):
            x = solve(y, weight, CORNERS)
            ctx.save_for_backward(x, weight)
            return x

        @staticmethod
        def backward(ctx, g):
            x, weight = ctx.saved_tensors
            v = solve(g, weight, CORNERS, transposed=True)
            return v, cuda_ops.weight_gradient(v, x, weight.shape, CORNERS)

    y, weight = problem(rng, batch=2, corners=CORNERS, channels=2, size=(3, 4))
    assert torch.autograd.gradcheck(Solve.apply, (y.requires_grad_(), weight.requires_grad_()))
