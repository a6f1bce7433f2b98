# SPDX-License-Identifier: Apache-2.0
"""Plans as plain values: from a budget to a recipe."""
import dataclasses
from html import escape
from typing import Any, Iterable, Optional, Union

from sextant.connection import connect
from sextant.errors import SextantError
from sextant.predictions import Quantity, _names, _quantity
from sextant.v1 import planning_service_pb2 as pb

PLANNED = ("params", "tokens", "tokens_per_param", "batch_size_tokens", "learning_rate", "loss")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What one source makes of the budget. Quantities and numbers that it does not know are None."""
    source: str
    params: Optional[Quantity]
    tokens: Optional[Quantity]
    tokens_per_param: Optional[Quantity]
    batch_size_tokens: Optional[Quantity]
    learning_rate: Optional[Quantity]
    loss: Optional[Quantity]
    flops: float
    steps: Optional[float]
    gpu_hours: Optional[float]
    wall_days: Optional[float]
    warnings: "tuple[str, ...]"

    def rows(self) -> "list[tuple[str, str]]":
        known = [(name, str(getattr(self, name))) for name in PLANNED if getattr(self, name) is not None]
        numbers = [(name, getattr(self, name)) for name in ("flops", "steps", "gpu_hours", "wall_days")]
        return known + [(name, f"{value:.4g}") for name, value in numbers if value is not None]

    def __str__(self) -> str:
        return "\n".join([self.source, *(f"  {name:28} {text}" for name, text in self.rows()),
                          *(f"  warning: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in self.rows())
        notes = "".join(f"<li>{escape(warning)}</li>" for warning in self.warnings)
        return f"<table><caption>{escape(self.source)}</caption>{cells}</table><ul>{notes}</ul>"


def _plan(message: Any) -> Plan:
    optional = {name: getattr(message, name) if message.HasField(name) else None for name in ("steps", "gpu_hours", "wall_days")}
    return Plan(message.source, *(_quantity(message, name) for name in PLANNED), message.flops, warnings=tuple(message.warnings),
                **optional)


def plan(study: Union[None, str, Iterable[str]] = None, fit: Union[None, str, Iterable[str]] = None,
         law: Union[None, str, Iterable[str]] = None, server: Optional[str] = None, token: Optional[str] = None,
         **budget: Any) -> "list[Plan]":
    """N, D and the recipe of least loss under a budget: one Plan a source. `budget` holds fields of PlanRequest: `flops`, or
    `gpus`, `days`, `gpu_flops_per_second` and `utilisation`, or `target_loss`, `params`, `tokens`; and constraints
    (`max_params`, `unique_tokens`, ...). SextantError when nothing can be answered."""
    try:
        request = pb.PlanRequest(studies=_names(study, "studies/"), fits=_names(fit, "studies/"),
                                 laws=[name.removeprefix("laws/") for name in _names(law, "")], **budget)
    except (TypeError, ValueError) as error:
        raise SextantError(f"{error}; see PlanRequest in the API") from None
    connection = connect(server, token)
    connection.ensure_running()
    return [_plan(message) for message in connection.call("PlanningService/Plan", request, pb.PlanResponse).plans]
