"""From pictures and labels in any format to a data set that can be trained on, hashed and looked at.

``read_recipe`` reads the sources of a recipe, reports what is wrong with them and deals their places out to the splits;
``samples_of_export`` reads the folder that ``kerbwatch label export`` wrote; ``build`` writes either as a YOLO data set
with ``data.yaml``, ``manifest.json`` (what a run record hashes), ``boxes.csv`` (origin of every box) and
``problems.csv``.
"""

from __future__ import annotations

from models.dataset.builder import build, drawn_already
from models.dataset.export_folder import samples_of_export
from models.dataset.manifest import read_back
from models.dataset.places import split_places
from models.dataset.problems import Problem
from models.dataset.reading import RecipeReading, evaluation_samples, read_recipe, samples_of_recipe, tell_problems
from models.dataset.sample import BuiltDataset, Sample, count_boxes, unlabelled

__all__ = [
    "BuiltDataset",
    "Problem",
    "RecipeReading",
    "Sample",
    "build",
    "count_boxes",
    "drawn_already",
    "evaluation_samples",
    "read_back",
    "read_recipe",
    "samples_of_export",
    "samples_of_recipe",
    "split_places",
    "tell_problems",
    "unlabelled",
]
