"""What a model is, without a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nflows_core.runs.kind import is_finished
from nflows_core.training.curve import TEST_METRICS_FILE, read_curve
from nflows_sr import shipped
from nflows_sr.autoencoders import SHAPES
from nflows_sr.engines import Engine, EngineSettings, NetworkEngine, PictureEngine, load_engine, resolve
from nflows_sr.evaluation.autoencoder_parts import autoencoder_parts
from nflows_sr.evaluation.costs import multiply_adds, parameters
from nflows_sr.training import Run, is_run, read_run


def about(model: str, scale: int | None = None) -> dict[str, Any]:
    """The size of an engine and its origin; what is not known of it is left out.

    Arguments:
        model: The name of an engine, the path of a model's file or folder, or an autoencoder of full size by its name.
        scale: How many times the sides grow; by default the model's own scale, or 2.

    Returns:
        Of an autoencoder, its `autoencoder_parts`. Of all others the scale, parameters, how many of them a training
        learns, the multiply-adds of a result of 1280 x 720, the side of the receptive field in pixels of the small
        picture, or of large networks, whose field may be larger, the margin of a tile, and what it was trained on.

    Raises:
        CommandError: There is no such model.
        ValueError: It cannot be read, or has another scale.
    """
    if model in SHAPES and not Path(model).exists():
        return _untrained(model, scale)
    settings = resolve(EngineSettings(model, scale, device="cpu"), SHAPES)
    engine = load_engine(settings)
    path = Path(settings.model)
    folder = path if path.is_absolute() else shipped.find(model, engine.scale)
    numbers = {
        "scale": engine.scale,
        "parameters": parameters(engine),
        "multiply_adds_for_1280_x_720": multiply_adds(engine),
        **_reach(engine),
        **(_origin(folder) if is_run(folder) else {}),
    }
    return {"model": model, **{name: value for name, value in numbers.items() if value is not None}}


def _reach(engine: Engine | PictureEngine) -> dict[str, int]:
    """How far an engine sees; of a `NetworkEngine` the margin that was measured as enough, and not all of its field."""
    if isinstance(engine, PictureEngine):
        return {}
    if isinstance(engine, NetworkEngine):
        return {"margin_of_a_tile": engine.margin}
    return {"receptive_field": 2 * engine.margin + 1}


def _epochs(folder: Path, run: Run) -> dict[str, int]:
    """How many epochs a run has done, and of one that has not finished how many it is to have."""
    if is_finished(folder):
        return {"epochs": run.training.epochs}
    tests = folder / TEST_METRICS_FILE
    done = int(read_curve(tests, "epoch")[-1][1]) if tests.is_file() else 0
    return {"epochs": done, "epochs_planned": run.training.epochs}


def _untrained(autoencoder: str, scale: int | None) -> dict[str, Any]:
    if scale is not None:
        raise ValueError(f"`scale`: {autoencoder} is counted untrained, and enlarges nothing yet; leave it out")
    return autoencoder_parts(autoencoder)


def _origin(folder: Path) -> dict[str, Any]:
    """What a run folder and its card say of how it was trained."""
    run, card = read_run(folder), folder / "README.md"
    learned = (one.numel() for one in run.build().parameters() if one.requires_grad)
    return {
        "learnable_parameters": sum(learned),
        "recipe": run.model,
        "trained": run.settings.get("trained"),
        "trained_on": f"{run.data}, {run.fingerprint['train'].images} pictures",
        **_epochs(folder, run),
        "started_from": run.start,
        "card": str(card) if card.exists() else None,
    }
