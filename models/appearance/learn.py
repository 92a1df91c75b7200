"""Learns the projection: features of virtual passes in, a matrix out that brings passes of one thing together.

First a closed-form start (linear discriminants: directions in which things differ more than their passes do), then a
supervised contrastive loss (Khosla et al. 2020, arXiv:2004.11362) over all things of a few pictures at a time, so that
the look-alikes of one picture always meet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.appearance.features import Views
from models.appearance.recipe import LearningSettings
from models.appearance.things import Thing

_SHRINKAGE = 0.1  # of the passes' covariance towards its diagonal: features outnumber what their passes can tell


@dataclass(frozen=True, slots=True)
class Projection:
    """``(features - mean) @ matrix``, then scaled to length 1.

    Attributes:
        mean: float32 (F,).
        matrix: float32 (F, D).
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit vectors (N, D) of features (N, F)."""
        projected = (features - self.mean) @ self.matrix
        return projected / np.linalg.norm(projected, axis=1, keepdims=True)


def discriminants(views: Views, size: int) -> Projection:
    """Fisher's linear discriminants of things against their passes, the strongest `size` of them."""
    x = views.descriptor
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    x = (x - mean) / spread
    owners, rows = np.unique(views.thing, return_inverse=True)
    count = np.bincount(rows)
    centres = np.zeros((len(owners), x.shape[1]), np.float32)
    np.add.at(centres, rows, x)
    centres /= count[:, None].astype(np.float32)
    within = x - centres[rows]
    covariance = within.T @ within / len(x)
    covariance = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * np.diag(np.diag(covariance) + 1e-3)
    # Whiten the passes by Cholesky; the strongest directions of the whitened centres follow from their Gram matrix.
    lower = np.linalg.cholesky(covariance)
    white = np.linalg.solve(lower, (centres - centres.mean(axis=0)).T).T
    _, strength, directions = np.linalg.svd(white, full_matrices=False)
    kept = directions[:size].T * (strength[:size] / np.sqrt(strength[:size] ** 2 + len(owners)))
    matrix = np.linalg.solve(lower.T, kept) / spread[:, None]
    return Projection(mean.astype(np.float32), matrix.astype(np.float32))


def learn(
    views: Views,
    things: Sequence[Thing],
    settings: LearningSettings,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Projection:
    """The projection learnt on the views of training things."""
    import torch

    torch.manual_seed(settings.seed)
    generator = np.random.default_rng(settings.seed)
    start = discriminants(views, settings.discriminants)
    x = torch.from_numpy((views.descriptor - start.mean) @ start.matrix)
    owner = torch.from_numpy(views.thing)
    turn = torch.nn.Parameter(torch.eye(x.shape[1], settings.size))
    optimiser = torch.optim.AdamW([turn], lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
    pictures = _rows_by_picture(views, things)
    for step in range(settings.steps):
        chosen = generator.choice(len(pictures), min(settings.pictures_per_step, len(pictures)), replace=False)
        rows = torch.from_numpy(np.concatenate([pictures[i] for i in chosen]))
        kept = torch.nn.functional.dropout(x[rows], settings.feature_dropout)
        loss = _contrastive_loss(torch.nn.functional.normalize(kept @ turn), owner[rows], settings.temperature)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        on_progress(step + 1, settings.steps)
    return Projection(start.mean, start.matrix @ turn.detach().numpy())


def _rows_by_picture(views: Views, things: Sequence[Thing]) -> list[NDArray[np.int64]]:
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, thing in enumerate(views.thing.tolist()):
        rows[str(things[thing].image)].append(row)
    return [np.array(part, np.int64) for part in rows.values()]


def _contrastive_loss(unit, owner, temperature: float):  # noqa: ANN001, ANN202 - torch tensors
    """Mean over views of -log of the share that the same thing's other views have among all views."""
    import torch

    similarity = unit @ unit.T / temperature
    itself = torch.eye(len(unit), dtype=torch.bool)
    log_share = similarity - torch.logsumexp(similarity.masked_fill(itself, -torch.inf), 1, keepdim=True)
    same = (owner[:, None] == owner) & ~itself
    return -((log_share * same).sum(1) / same.sum(1)).mean()
