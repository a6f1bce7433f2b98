# SPDX-License-Identifier: Apache-2.0
"""Logged rows as the columns of a curve."""
import array
import math
from typing import Any, Mapping, Optional

COLUMNS = ("tokens", "train_loss", "validation_loss", "learning_rate", "gradient_noise_scale")
# Names that loops use for the same quantities.
ALIASES = {"loss": "train_loss", "train/loss": "train_loss", "val_loss": "validation_loss", "eval_loss": "validation_loss",
           "val/loss": "validation_loss", "eval/loss": "validation_loss", "lr": "learning_rate",
           "num_input_tokens_seen": "tokens", "noise_scale": "gradient_noise_scale"}


class Points:
    """Collects rows in the order of their steps; rows of one step are one point. Not thread-safe.

    A step that goes back is not stored in the curve (curves rise strictly): `behind` counts those. What the server has
    acknowledged can be forgotten; indices go on counting from the first point.
    """

    def __init__(self, batch_size_tokens: Optional[float] = None):
        self.batch_size_tokens = batch_size_tokens
        self.begin = 0  # points that were forgotten
        self.steps = array.array("q")
        self.columns = {name: array.array("d") for name in COLUMNS}
        self._last_known: dict[str, float] = {}
        self.behind = 0
        self.first_behind: Optional[int] = None
        self.unknown: set[str] = set()
        self.peak_learning_rate = -math.inf

    def add(self, step: int, metrics: Mapping[str, Any]) -> None:
        if self.steps and step < self.steps[-1]:
            self.behind += 1
            if self.first_behind is None:
                self.first_behind = step
            return
        if not self.steps or step > self.steps[-1]:
            self.steps.append(step)
            for column in self.columns.values():
                column.append(math.nan)
            if self.batch_size_tokens:
                self.columns["tokens"][-1] = self._last_known["tokens"] = step * self.batch_size_tokens
        for name, value in metrics.items():
            column = self.columns.get(ALIASES.get(name, name))
            if column is None:
                self.unknown.add(name)
                continue
            try:
                column[-1] = float(value)
            except (TypeError, ValueError):
                self.unknown.add(name)
                continue
            if math.isfinite(column[-1]):
                self._last_known[ALIASES.get(name, name)] = column[-1]
        rate = self.columns["learning_rate"][-1]
        if rate > self.peak_learning_rate:
            self.peak_learning_rate = rate

    def __len__(self) -> int:
        """All points so far, forgotten ones included."""
        return self.begin + len(self.steps)

    @property
    def last_step(self) -> int:
        return self.steps[-1] if self.steps else 0

    def last_known(self, name: str) -> Optional[float]:
        """The last finite value of a column."""
        return self._last_known.get(name)

    def slice(self, begin: int, end: int) -> dict[str, array.array]:
        """Columns from point `begin` to `end`, without those that hold nothing there; "step" always."""
        low, high = begin - self.begin, end - self.begin
        part: dict[str, array.array] = {"step": self.steps[low:high]}
        for name, column in self.columns.items():
            values = column[low:high]
            if any(value == value for value in values):
                part[name] = values
        return part

    def forget(self, before: int) -> None:
        """Drops the points before index `before`, except the last one of all, which may still get values."""
        drop = min(before, len(self) - 1) - self.begin
        if drop > 0:
            del self.steps[:drop]
            for column in self.columns.values():
                del column[:drop]
            self.begin += drop
