# SPDX-License-Identifier: Apache-2.0
"""Predictions as plain values."""
import dataclasses
from typing import Any, Iterable, Optional, Union

from sextant.connection import connect
from sextant.v1 import prediction_service_pb2 as pb

QUANTITIES = ("learning_rate", "batch_size_tokens", "critical_batch_size_tokens", "loss", "params", "tokens",
              "weight_decay", "adam_beta2")


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A predicted value, its interval, and the region where the loss stays within the tolerance of the best."""
    value: float
    low: Optional[float] = None
    high: Optional[float] = None
    near_optimal_low: Optional[float] = None
    near_optimal_high: Optional[float] = None
    parameter_low: Optional[float] = None  # of losses by fits: the law alone; low and high hold a run there
    parameter_high: Optional[float] = None

    def __str__(self) -> str:
        interval = f" [{self.low:.4g}, {self.high:.4g}]" if self.low is not None and self.high is not None else ""
        return f"{self.value:.4g}{interval}"


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What one study, fit or law says for a target. Quantities that it does not predict are None."""
    fits: "tuple[str, ...]"
    laws: "tuple[str, ...]"
    learning_rate: Optional[Quantity]
    batch_size_tokens: Optional[Quantity]
    critical_batch_size_tokens: Optional[Quantity]
    loss: Optional[Quantity]
    params: Optional[Quantity]
    tokens: Optional[Quantity]
    weight_decay: Optional[Quantity]
    adam_beta2: Optional[Quantity]
    rate_kind: str
    warnings: "tuple[str, ...]"

    def rows(self) -> "list[tuple[str, str]]":
        return [(name, str(getattr(self, name))) for name in QUANTITIES if getattr(self, name) is not None]

    def __str__(self) -> str:
        lines = [", ".join((*self.fits, *self.laws)), *(f"  {name:28} {text}" for name, text in self.rows()),
                 *(f"  warning: {warning}" for warning in self.warnings)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape
        cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in self.rows())
        notes = "".join(f"<li>{escape(warning)}</li>" for warning in self.warnings)
        return (f"<table><caption>{escape(', '.join((*self.fits, *self.laws)))}</caption>{cells}</table>"
                f"<ul>{notes}</ul>")


def _quantity(message: Any, name: str) -> Optional[Quantity]:
    if not message.HasField(name):
        return None
    quantity = getattr(message, name)
    optional = {field: getattr(quantity, field) for field in ("low", "high", "near_optimal_low", "near_optimal_high", "parameter_low",
                                                            "parameter_high")
                if quantity.HasField(field)}
    return Quantity(quantity.value, **optional)


def _names(value: Union[None, str, Iterable[str]], prefix: str) -> "list[str]":
    values = [] if value is None else [value] if isinstance(value, str) else list(value)
    return [text if text.startswith(prefix) else prefix + text for text in values]


def predict(params: float, tokens: float, study: Union[None, str, Iterable[str]] = None,
            fit: Union[None, str, Iterable[str]] = None, law: Union[None, str, Iterable[str]] = None,
            batch_size_tokens: Optional[float] = None, interval: float = 0.9, server: Optional[str] = None,
            token: Optional[str] = None) -> "list[Prediction]":
    """What studies, fits or published laws say for a model of `params` parameters on `tokens` tokens: one Prediction
    each; with none of the three every published law answers. SextantError when nothing can be answered."""
    request = pb.PredictRequest(params=params, tokens=tokens, studies=_names(study, "studies/"),
                                fits=_names(fit, "studies/"), laws=[name.removeprefix("laws/") for name in _names(law, "")],
                                interval=interval)
    if batch_size_tokens is not None:
        request.batch_size_tokens = batch_size_tokens
    connection = connect(server, token)
    connection.ensure_running()
    response = connection.call("PredictionService/Predict", request, pb.PredictResponse)
    return [Prediction(tuple(message.fits), tuple(message.laws), *(_quantity(message, name) for name in QUANTITIES),
                       message.rate_kind, tuple(message.warnings)) for message in response.predictions]
