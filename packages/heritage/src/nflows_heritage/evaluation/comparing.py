"""Good pictures damaged in every way, restored by every engine, and compared with themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nflows_core.evaluation import PerceptualDistance, build_perceptual
from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import read_picture
from nflows_core.runtime.pictures.samples import to_pixels, to_tensor
from nflows_core.runtime.pictures.work import picture_seed
from nflows_heritage.distortions import CLEAN, LEVELS, distorted
from nflows_heritage.evaluation.fidelity import perceptual, psnr, ssim
from nflows_heritage.inspection import SHIPPED, load_inspector
from nflows_heritage.restoring.engines import load_engine
from nflows_heritage.restoring.tiling import restored
from nflows_heritage.views import InMemory
from nflows_heritage.views.arrays import Pixels

Advance = Callable[[str], None]


@dataclass(frozen=True)
class Question:
    """What is compared.

    Arguments:
        pictures: The good pictures by their names.
        engines: The engines.
        kinds: What the pictures are damaged by; ``clean`` leaves them as they are.
        levels: How much.
        find: Whether the kind is not said, but found by the inspector.
        side: The side of the part of each picture, from its middle, that is taken; all of it by default.
        seed: The seed of what is drawn, for each picture by its content, as ``nflows heritage degrade`` draws it.
        with_lpips: Whether the perceptual distance is measured too.
    """

    pictures: Mapping[str, Path]
    engines: tuple[str, ...]
    kinds: tuple[str, ...]
    levels: tuple[int, ...] = LEVELS
    find: bool = False
    side: int | None = None
    seed: int = 0
    with_lpips: bool = False

    @property
    def steps(self) -> int:
        """How many damaged pictures there are."""
        return len(self.pictures) * sum(len(self.levels_of(kind)) for kind in self.kinds)

    def levels_of(self, kind: str) -> tuple[int, ...]:
        """The levels of a kind; what is clean has one."""
        return (0,) if kind == CLEAN else self.levels


def compare(question: Question, advance: Advance) -> Iterator[dict[str, Any]]:
    """A row for each picture, kind, level and engine: how near it was before, and is after.

    Arguments:
        question: What is compared.
        advance: Told of each damaged picture that is done.

    Raises:
        PictureError: A picture cannot be read.
        CommandError: There is no such engine, or the weights of the perceptual distance are missing.
    """
    judge = build_perceptual("vgg") if question.with_lpips else None
    for name, path in question.pictures.items():
        good, seed = middle(read_picture(path).pixels, question.side), picture_seed(question.seed, sha256(path))
        for kind in question.kinds:
            for level in question.levels_of(kind):
                bad = damaged(good, kind, level, seed)
                about = {"picture": name, "kind": kind, "level": level}
                for engine in question.engines:
                    yield {**about, **_row(question, good, bad, kind, engine, judge)}
                advance(f"{name}, {kind} {level}")


def damaged(good: Pixels, kind: str, level: float, seed: int) -> Pixels:
    """Pixels of a file after the picture has suffered."""
    if kind == CLEAN:
        return good
    return to_pixels(distorted(to_tensor(good), kind, level, seed), good.dtype)


def _row(
    question: Question, good: Pixels, bad: Pixels, kind: str, name: str, judge: PerceptualDistance | None
) -> dict[str, Any]:
    start = time.perf_counter()
    found = load_inspector(SHIPPED)(InMemory(bad)).kind if question.find else kind
    new = bad
    if found != CLEAN:
        engine = load_engine(name).prepare(InMemory(bad), found, question.seed)
        new = np.concatenate(list(restored(InMemory(bad), engine, 1.0, None, None)))
    seconds = time.perf_counter() - start
    before, after = psnr(bad, good), psnr(new, good)
    return {
        "engine": name,
        "found": found,
        "input_psnr_db": before,
        "psnr_db": after,
        "gain_db": after - before,
        "input_ssim": ssim(bad, good),
        "ssim": ssim(new, good),
        **_looks(judge, bad, new, good),
        "seconds": seconds,
    }


def _looks(judge: PerceptualDistance | None, bad: Pixels, new: Pixels, good: Pixels) -> dict[str, float | None]:
    """How different it looks, before and after, if there is a judge."""
    if judge is None:
        return {}
    return {"input_lpips": perceptual(judge, bad, good), "lpips": perceptual(judge, new, good)}


def middle(pixels: Pixels, side: int | None) -> Pixels:
    """The middle of a picture, a square of so many pixels a side or less, or all of it, without its alpha."""
    colours = pixels[..., : 3 if pixels.shape[2] >= 3 else 1]
    if side is None:
        return colours
    top, left = (max(0, (length - side) // 2) for length in pixels.shape[:2])
    return np.ascontiguousarray(colours[top : top + side, left : left + side])
