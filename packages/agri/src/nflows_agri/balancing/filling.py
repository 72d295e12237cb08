"""Classes filled with made crops until each has its share; a gate refuses the odd ones and the copies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nflows_agri.crops.made import MADE_FILE
from nflows_agri.generation.gate import copies, unlikely
from nflows_agri.generation.generators import CropGenerator
from nflows_agri.generation.runs import load_generator, read_run
from nflows_agri.generation.samples import check_names, claim, provenance, remove_crops, save_crop
from nflows_agri.generation.training import crops_of
from nflows_core.data.images import Images
from nflows_core.evaluation import image_grid
from nflows_core.runs.data import refuse_inside
from nflows_core.runs.kind import CONFIG_FILE, weights_file
from nflows_core.runtime.files import sha256
from nflows_core.runtime.page import Sheet, Table
from nflows_core.runtime.pictures.thumbnails import as_png
from nflows_core.runtime.report import REPORT_FILES, write_report
from nflows_core.runtime.terminal import echo

_BLOCK = 64
_WRITERS = 4  # a file waits for the disk half of the time that a crop takes
_LEAST_KEPT, _FIRST_TRIES = 0.1, 640
"""The share of a class's crops that must be kept, after so many at most: where fewer are, nothing was learned."""
_SHOWN = 16


class RefusedCropsError(ValueError):
    """The gate refuses nearly all crops of a class; the message says what to do."""


@dataclass(frozen=True)
class Balancing:
    """How classes are filled.

    Arguments:
        ratio: The crops that each class is to have, real and made together, as a part of the largest class's real ones.
        flow: The folder of a flow's run, by whose likelihood odd crops are refused; nothing refuses only copies.
        share: The share of real crops that would be refused as unlikely too; see `unlikely`.
        truncation: Of a GAN; see `GanGenerator`.
        temperature: Of a flow; see `FlowGenerator`.
        seed: The seed of the first crop of each class.

    Raises:
        ValueError: The ratio is not above 0.
    """

    ratio: float = 1.0
    flow: str | None = None
    share: float = 0.05
    truncation: float | None = None
    temperature: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.ratio < float("inf"):
            raise ValueError(f"`ratio`: expected a number above 0, got {self.ratio}")


class Filled(NamedTuple):
    """What became of the crops that were made of a class.

    Arguments:
        row: How many there are and were tried, by reasons.
        kept: Some that were kept, uint8 :math:`(N, 3, S, S)`.
        refused: Some that were not, likewise.
    """

    row: dict[str, int | str]
    kept: Tensor
    refused: Tensor


def fill(run: str | Path, folder: str | Path, balancing: Balancing) -> dict[str, Any]:
    """Writes the crops that a run's training side lacks: a folder a class, ``generated.json`` and a report.

    Called again with the same arguments, it begins anew: the crops that an earlier call has left are removed, and made
    again. Until ``report.json`` is there, they are not complete, and `made_for` refuses them.

    Arguments:
        run: The folder of a generator's run.
        folder: The folder of the crops; made if it is missing.
        balancing: How classes are filled.

    Returns:
        The content of ``report.json``.

    Raises:
        FileExistsError: The folder holds something else, or other crops.
        RefusedCropsError: The gate refuses nearly all crops of a class.
        ValueError: The flow was trained on other crops, no class lacks any, or one cannot be the name of a folder.
        OSError: A file cannot be written; what has been is whole.
    """
    run, folder = Path(run), Path(folder)
    generator = load_generator(run, truncation=balancing.truncation, temperature=balancing.temperature)
    real = crops_of(read_run(run)).images
    wanted = _wanted(real, balancing.ratio)
    if balancing.flow is not None:
        _check_flow(run, Path(balancing.flow))
    refuse_inside(folder, read_run(run).data)
    check_names(generator, generator.classes)
    _begin(folder, provenance(run) | _described(balancing), generator.classes)
    with ThreadPoolExecutor(_WRITERS) as pool:
        filled = [
            _fill(folder, pool, generator, real, number, count, balancing)
            for number, count in enumerate(wanted)
            if count
        ]
    return _report(folder, run, balancing, real, filled)


def _described(balancing: Balancing) -> dict[str, Any]:
    """What made crops say of how classes were filled."""
    flow = None if balancing.flow is None else sha256(weights_file(Path(balancing.flow)))
    return {"balancing": asdict(balancing), "flow_sha256": flow}


def _begin(folder: Path, said: dict[str, Any], classes: Sequence[str]) -> None:
    """Takes a folder, and removes from it what an earlier call has left of the same crops."""
    was_begun = (folder / MADE_FILE).exists()
    claim(folder, said)
    if was_begun:
        echo(f"{folder}: holds crops that were made with the same settings; they are made again", err=True)
        (folder / REPORT_FILES[0]).unlink(missing_ok=True)
        remove_crops(folder, classes)


def _wanted(real: Images, ratio: float) -> list[int]:
    """How many crops each class lacks."""
    counts = torch.bincount(_labels(real), minlength=len(real.classes)).tolist()
    wanted = [max(0, round(ratio * max(counts)) - count) for count in counts]
    if not any(wanted):
        raise ValueError(f"`ratio`: at {ratio} no class lacks crops, the smallest has {min(counts)} of {max(counts)}")
    return wanted


def _check_flow(run: Path, flow: Path) -> None:
    """Its likelihoods are of these classes, at this size, and of crops that are not held out."""
    one, other = read_run(run), read_run(flow)
    if other.is_gan:
        raise ValueError(f"`flow`: {flow} is the run of a GAN, which knows no likelihood; give that of a flow")
    for name in ("split_sha256", "fold", "size", "classes"):
        if getattr(one, name) != getattr(other, name):
            what = name.removesuffix("_sha256")
            raise ValueError(
                f"`flow`: {flow} was trained on another {what} than {run}: {getattr(other, name)}, and not "
                f"{getattr(one, name)}; train a flow on the same crops"
            )


def _fill(
    folder: Path, pool: Executor, generator: CropGenerator, real: Images, number: int, wanted: int, balancing: Balancing
) -> Filled:
    name = generator.classes[number]
    (folder / name).mkdir(exist_ok=True)
    tried = odd = copied = 0
    kept: list[Tensor] = []
    refused: list[Tensor] = []
    written: deque[Future[None]] = deque()
    for seed, pixels, is_odd, is_copy in _tried(generator, real, number, balancing):
        if len(kept) == wanted:
            break
        if tried >= min(_FIRST_TRIES, wanted / _LEAST_KEPT) and len(kept) < _LEAST_KEPT * tried:
            raise RefusedCropsError(
                f"of {tried} crops made of the class {name}, {odd} are unlikely and {copied} copy real ones: "
                f"{len(kept)} of {wanted} are left. Train the generator for longer, or lower the share by which crops "
                "are unlikely"
            )
        tried, odd, copied = tried + 1, odd + is_odd, copied + is_copy
        if is_odd or is_copy:
            refused.append(pixels)
        else:
            written.append(pool.submit(save_crop, folder, name, seed, pixels))
            kept.append(pixels)
            if len(written) > _BLOCK:
                written.popleft().result()  # a full disk ends it now, and not once all are made
    for one in written:
        one.result()  # raises what went wrong
    count = int((_labels(real) == number).sum())
    row: dict[str, int | str] = {"class": name, "real": count, "made": len(kept)}
    row |= {"tried": tried, "unlikely": odd, "copies": copied}
    return Filled(row, _some(kept), _some(refused))


def _tried(
    generator: CropGenerator, real: Images, number: int, balancing: Balancing
) -> Iterator[tuple[int, Tensor, bool, bool]]:
    """Crops of a class without end: seed, pixels, whether unlikely, whether a copy."""
    labels = torch.full((_BLOCK,), number)
    seed = balancing.seed
    while True:
        made = generator.sample(labels, seed)
        odd = torch.zeros(_BLOCK, dtype=torch.bool)
        if balancing.flow is not None:
            odd = unlikely(made, labels, balancing.flow, balancing.share)
        yield from zip(range(seed, seed + _BLOCK), made, odd.tolist(), copies(made, labels, real).tolist(), strict=True)
        seed += _BLOCK


def _report(folder: Path, run: Path, balancing: Balancing, real: Images, filled: list[Filled]) -> dict[str, Any]:
    rows = {}
    for one in filled:
        own = real.pixels[_labels(real) == real.classes.index(str(one.row["class"]))][:_SHOWN]
        rows[str(one.row["class"])] = [_grid(crops) for crops in (own, one.kept, one.refused)]
    return write_report(
        folder,
        "Classes filled with made crops",
        {
            "made": sum(int(one.row["made"]) for one in filled),
            "tried": sum(int(one.row["tried"]) for one in filled),
            "balancing": asdict(balancing),
        },
        seed=balancing.seed,
        inputs={"weights": weights_file(run), "settings": run / CONFIG_FILE},
        tables=[Table("Crops by class", [one.row for one in filled])],
        sheets=[Sheet("Crops by class", ("real", "made", "refused"), rows)],
        packages=["nflows-agri"],
    )


def _some(crops: list[Tensor]) -> Tensor:
    return torch.stack(crops[:_SHOWN]) if crops else torch.empty(0)


def _grid(pixels: Tensor) -> bytes | str:
    return as_png(image_grid((pixels + 0.5) / 256)) if len(pixels) else "none"


def _labels(images: Images) -> Tensor:
    assert images.labels is not None  # `crops_of` gives them
    return images.labels
