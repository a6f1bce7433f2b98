# SPDX-License-Identifier: Apache-2.0
"""Fits of laws to a study."""
import dataclasses
import math
from html import escape
from typing import Any, Callable, Iterable, Optional

from sextant.charts import Series, Svg, chart
from sextant.connection import connect
from sextant.errors import SextantError
from sextant.predictions import predict
from sextant.v1 import fit_service_pb2 as pb


@dataclasses.dataclass(frozen=True)
class Fit:
    """A fit: `parameters` maps a name to (estimate, low, high); low and high are None without a bootstrap."""
    name: str
    law: str
    state: str
    estimator: str
    runs_used: int
    parameters: "dict[str, tuple[float, Optional[float], Optional[float]]]"
    warnings: "tuple[str, ...]"
    error: str
    phase: str = ""  # of a fit that runs: what it does now
    fraction: Optional[float] = None  # of the phase, where its length is known

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.law} by {self.estimator} from {self.runs_used} runs"]
        for name, (estimate, low, high) in self.parameters.items():
            lines.append(f"  {name:12} {estimate:.5g}" + (f" [{low:.5g}, {high:.5g}]" if low is not None else ""))
        return "\n".join(lines + [f"  warning: {warning}" for warning in self.warnings])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{estimate:.5g}</td><td>{'' if low is None else f'{low:.5g} to {high:.5g}'}</td></tr>"
                       for name, (estimate, low, high) in self.parameters.items())
        notes = "".join(f"<li>{escape(warning)}</li>" for warning in self.warnings)
        return (f"<table><caption>{escape(self.law)} by {escape(self.estimator)} from {self.runs_used} runs ({escape(self.name)})"
                f"</caption><tr><th>parameter</th><th>estimate</th><th>95 % interval</th></tr>{rows}</table><ul>{notes}</ul>")


def _from_message(message: Any) -> Fit:
    parameters = {p.name: (p.estimate, p.low if p.HasField("low") else None, p.high if p.HasField("high") else None)
                  for p in message.parameters}
    return Fit(message.name, message.law, pb.FitState.Name(message.state).removeprefix("FIT_").lower(),
               message.estimator, message.runs_used, parameters, tuple(message.warnings), message.error.message, message.progress.phase,
               message.progress.fraction if message.progress.HasField("fraction") else None)


def fit(study: str, law: str, progress: Optional[Callable[[Fit], None]] = None, server: Optional[str] = None,
        token: Optional[str] = None, **options: Any) -> Fit:
    """Fits `law` to the runs of `study` and waits. options: fields of CreateFitRequest (estimator, filter,
    holdout_filter, bootstrap_replicates, seed, ...). `progress` is called with the fit at every change, and
    about once per second while it runs, with `phase` and `fraction`. SextantError when it fails, with the reason."""
    try:
        request = pb.CreateFitRequest(parent=f"studies/{study}", law=law, **options)
    except ValueError as error:
        raise SextantError(f"{error}; see CreateFitRequest in the API") from None
    connection = connect(server, token)
    connection.ensure_running()
    message = connection.call("FitService/CreateFit", request, pb.Fit)
    for message in connection.server_stream("FitService/WatchFit", pb.WatchFitRequest(name=message.name), pb.Fit):
        if progress is not None:
            progress(_from_message(message))
    if message.state != pb.FIT_SUCCEEDED:
        raise SextantError(f"{message.name}: {message.error.message or pb.FitState.Name(message.state)}")
    return _from_message(message)


def law_chart(fit: Fit, params: "Iterable[float]", tokens: "Iterable[float]", quantity: str = "learning_rate", server: Optional[str] = None,
              token: Optional[str] = None) -> Svg:
    """What the fit says of `quantity` over `tokens`, a line with its interval for each of `params`. What is withheld is left out."""
    tokens = list(tokens)
    lines = []
    for n in params:
        found = []
        for d in tokens:
            try:
                found.append((d, getattr(predict(n, d, fit=fit.name, server=server, token=token)[0], quantity)))
            except SextantError:
                continue
        found = [(d, value) for d, value in found if value is not None]
        lines.append(Series(f"N = {n:.3g}", [d for d, _ in found], [value.value for _, value in found],
                            [value.low if value.low is not None else math.nan for _, value in found],
                            [value.high if value.high is not None else math.nan for _, value in found]))
    return chart(f"{fit.law}: {quantity.replace('_', ' ')}", "tokens", quantity.replace("_", " "), lines)


def fits(study: str, server: Optional[str] = None, token: Optional[str] = None) -> "list[Fit]":
    """All fits of a study, newest first."""
    connection = connect(server, token)
    connection.ensure_running()
    found, page = [], ""
    while True:
        request = pb.ListFitsRequest(parent=f"studies/{study}", page_token=page)
        response = connection.call("FitService/ListFits", request, pb.ListFitsResponse)
        found += [_from_message(message) for message in response.fits]
        page = response.next_page_token
        if not page:
            return found
