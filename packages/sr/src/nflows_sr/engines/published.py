"""Weights of others that have a name: fetched at their first use, and checked by their SHA-256."""

from __future__ import annotations

from nflows_core.runtime.weights import Weights

_RELEASES = "https://github.com/xinntao/Real-ESRGAN/releases/download"


def _real_esrgan(name: str, file: str, revision: str, sha256: str) -> Weights:
    return Weights(name, file, revision, sha256, (f"{_RELEASES}/{revision}/{file}",))


PUBLISHED = (
    _real_esrgan(
        "realesrgan-x4plus",
        "RealESRGAN_x4plus.pth",
        "v0.1.0",
        "4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
    ),
    _real_esrgan(
        "realesrgan-x2plus",
        "RealESRGAN_x2plus.pth",
        "v0.2.1",
        "49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
    ),
    _real_esrgan(
        "realesrgan-x4plus-anime",
        "RealESRGAN_x4plus_anime_6B.pth",
        "v0.2.2.4",
        "f872d837d3c90ed2e05227bed711af5671a6fd1c9f7d7e91c911a61f155e99da",
    ),
)
"""Real-ESRGAN (Wang et al. 2021), for photographs and for drawings; BSD-3-Clause."""
