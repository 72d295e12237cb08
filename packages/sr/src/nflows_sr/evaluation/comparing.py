"""Models side by side on the same pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nflows_core.evaluation import PerceptualDistance, build_perceptual
from nflows_sr.degradations import Pixels
from nflows_sr.engines import Engine, EngineSettings, PictureEngine, load_engine
from nflows_sr.evaluation.costs import multiply_adds, parameters
from nflows_sr.evaluation.crops import find_crop
from nflows_sr.evaluation.measuring import Score, score
from nflows_sr.evaluation.pairs import Pair, read_pair
from nflows_sr.upscaling import enlarging

SMALL, ORIGINAL = "small", "original"
_SHOWN = 4
"""The pictures of a set of which a part is shown, spread evenly over it."""


@dataclass(frozen=True)
class Question:
    """What is compared on what.

    Arguments:
        sets: The originals of each set.
        models: The settings of each model by the name that a person gave it; others are compared with the first.
        scales: The scales; of each model its own, or 2, if there are none.
        small_folder: The folder of the small pictures; see `read_pair`.
        seed: The seed of engines that draw.
        with_lpips: Whether the perceptual distance is measured too.
    """

    sets: Mapping[str, Sequence[Path]]
    models: Mapping[str, EngineSettings]
    scales: Sequence[int] = ()
    small_folder: Path | None = None
    seed: int = 0
    with_lpips: bool = False

    @property
    def runs(self) -> list[tuple[str, EngineSettings]]:
        """Each model at each scale, one after the other, since one is in memory at a time."""
        scales: Sequence[int | None] = self.scales or (None,)
        return [(name, replace(settings, scale=scale)) for name, settings in self.models.items() for scale in scales]

    @property
    def pictures(self) -> list[tuple[str, Path]]:
        """Each original with its set."""
        return [(name, path) for name, paths in self.sets.items() for path in paths]

    @property
    def steps(self) -> int:
        """How often a picture is enlarged."""
        return len(self.runs) * len(self.pictures)

    def is_shown(self, name: str, path: Path) -> bool:
        """Whether a part of the picture goes into the report."""
        paths = self.sets[name]
        return path in {paths[index * len(paths) // _SHOWN] for index in range(_SHOWN)}


@dataclass(frozen=True)
class Measured:
    """One picture enlarged by one model.

    Arguments:
        set: The picture's set.
        picture: Its file.
        scale: The scale.
        model: The name of the model.
        cut_off: The rows and columns that were cut off first.
        likeness: That of the `Pair`.
        score: How near the original it came.
    """

    set: str
    picture: Path
    scale: int
    model: str
    cut_off: tuple[int, int]
    likeness: float | None
    score: Score


@dataclass(frozen=True)
class Answer:
    """What came of a question.

    Arguments:
        measured: What was measured, in order.
        costs: The parameters and the multiply-adds of each model at each scale.
        failures: Why a picture could not be measured, by its file and the scale.
        crops: PNG files by set, picture and scale, and then by what they show.
    """

    measured: list[Measured] = field(default_factory=list)
    costs: dict[tuple[str, int], tuple[int | None, int | None]] = field(default_factory=dict)
    failures: dict[tuple[Path, int], str] = field(default_factory=dict)
    crops: dict[tuple[str, str, int], dict[str, bytes]] = field(default_factory=dict)


def compare(question: Question, advance: Callable[[str], None]) -> Answer:
    """Enlarges every picture by every model at every scale.

    A picture that cannot be measured does not stop the others.

    Arguments:
        question: What is compared on what.
        advance: Called after each picture, with a few words about it.

    Raises:
        ValueError: A model cannot be loaded, or has another scale.
        CommandError: The weights of LPIPS are missing; exit code 3.
    """
    answer = Answer()
    judge = build_perceptual("vgg") if question.with_lpips else None
    for _, settings in question.runs:
        load_engine(settings)  # what is wrong with the last model need not wait for the first
    for model, settings in question.runs:
        engine = load_engine(settings)
        answer.costs[model, engine.scale] = (parameters(engine), multiply_adds(engine))
        for words in _run(question, model, engine, judge, answer):
            advance(words)
    return answer


def _run(
    question: Question, model: str, engine: Engine | PictureEngine, judge: PerceptualDistance | None, answer: Answer
) -> Iterator[str]:
    way, scale = enlarging(engine), engine.scale
    for name, path in question.pictures:
        try:
            pair = read_pair(path, scale, question.small_folder)
            result, pixels = score(pair, scale, way, question.seed, judge)
        except (ValueError, FloatingPointError, OSError) as error:
            why = str(error).removeprefix(str(path)).lstrip(": ")
            answer.failures[path, scale] = why
            yield f"{model} x{scale}, {path.name}: not measured"
            continue
        answer.measured.append(Measured(name, path, scale, model, pair.cut_off, pair.likeness, result))
        if question.is_shown(name, path):
            shown = answer.crops.setdefault((name, path.name, scale), {})
            shown |= _crops(pair, scale, model, pixels)
        yield f"{model} x{scale}, {path.name}, {result.seconds:.2f} s"


def _crops(pair: Pair, scale: int, model: str, pixels: Pixels) -> dict[str, bytes]:
    crop = find_crop(pair, scale)
    return {SMALL: crop.png(pair.small, scale), ORIGINAL: crop.png(pair.large), model: crop.png(pixels)}
