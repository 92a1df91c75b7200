"""Errors of the training room.

::

    InputError (detector.errors)
    ├── RecipeError             a recipe or a setting says something impossible
    ├── DatasetError            a picture folder or label file cannot be used
    ├── ScenesError             labelled scenes, or the pictures they were drawn on, cannot be used
    └── CheckpointError         weights are missing, broken or of another shape
    KerbwatchError (detector.errors)
    └── TrainExtraMissing       torch / ultralytics are not installed   (also ImportError)
"""

from __future__ import annotations

from detector.errors import InputError, KerbwatchError


class RecipeError(InputError):
    """A recipe names something that does not exist or cannot work."""


class DatasetError(InputError):
    """Pictures or labels are missing, unreadable or contradict each other."""


class ScenesError(InputError):
    """Labelled scenes are broken, or the pictures they were drawn on are missing or others."""


class CheckpointError(InputError):
    """Weights are missing, broken, or not of the network this code knows how to handle."""


class TrainExtraMissing(KerbwatchError, ImportError):
    """The ``train`` extra (torch, ultralytics) is not installed."""
