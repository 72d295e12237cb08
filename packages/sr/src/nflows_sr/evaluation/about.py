"""What a model is, without a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nflows_sr import shipped
from nflows_sr.engines import Engine, EngineSettings, load_engine, resolve
from nflows_sr.evaluation.costs import multiply_adds, parameters
from nflows_sr.training import is_run, read_run


def about(model: str, scale: int | None = None) -> dict[str, Any]:
    """The size of an engine and its origin; what is not known of it is left out.

    Arguments:
        model: The name of an engine, or the path of a model's file or folder.
        scale: How many times the sides grow; by default the model's own scale, or 2.

    Returns:
        Its scale, parameters and those of them that were learned in its training, the multiply-adds of a result of
        1280 x 720, the side of its receptive field in pixels of the small picture, and what it was trained on.

    Raises:
        CommandError: There is no such model.
        ValueError: It cannot be read, or has another scale.
    """
    settings = resolve(EngineSettings(model, scale, device="cpu"))
    engine = load_engine(settings)
    folder = shipped.find(model, engine.scale) if settings.model == model else Path(settings.model)
    numbers = {
        "scale": engine.scale,
        "parameters": parameters(engine),
        "multiply_adds_for_1280_x_720": multiply_adds(engine),
        "receptive_field": _field(engine),
    }
    known = {name: value for name, value in numbers.items() if value is not None}
    return {"model": model, **known, **(_origin(folder) if is_run(folder) else {})}


def _field(engine: Engine) -> int:
    return 2 * engine.margin + 1


def _origin(folder: Path) -> dict[str, Any]:
    run, card = read_run(folder), folder / "README.md"
    told = {
        "recipe": run.model,
        "trained_on": f"{run.data}, {run.fingerprint['train'].images} pictures",
        "epochs": run.training.epochs,
        "started_from": run.start,
        "card": str(card) if card.exists() else None,
    }
    return {name: value for name, value in told.items() if value is not None}
