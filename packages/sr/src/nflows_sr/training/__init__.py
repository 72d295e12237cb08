"""What is trained, for the engine of nflows-core, and the run folders that a training leaves."""

from nflows_sr.training.experiment import resume, train
from nflows_sr.training.recipe import Recipe, TrainingData
from nflows_sr.training.recipes import RECIPES
from nflows_sr.training.runs import Run, is_run, load_model, read_run

__all__ = ["RECIPES", "Recipe", "Run", "TrainingData", "is_run", "load_model", "read_run", "resume", "train"]
