# SPDX-License-Identifier: Apache-2.0
"""Which of two recipes is better, and which estimator or law to trust on a study."""
import dataclasses
from html import escape
from typing import Any, Iterable, Optional

from sextant.charts import Series, Svg, chart
from sextant.connection import connect
from sextant.errors import SextantError
from sextant.predictions import Quantity, _quantity
from sextant.records import Columns
from sextant.v1 import comparison_service_pb2 as pb
from sextant.v1 import fit_service_pb2


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How much more compute the baseline needs for the candidate's loss: above 1 the candidate is better. `common` has a row per
    budget that both were trained at, `projections` one per budget that their laws were asked for."""
    baseline: str
    candidate: str
    compute_multiplier: Optional[Quantity]
    verdict: str
    seeds_to_tell: Optional[int]
    common: Columns
    projections: Columns
    warnings: "tuple[str, ...]"

    def __str__(self) -> str:
        return "\n".join([f"{self.candidate} against {self.baseline}: {self.verdict}, compute multiplier {self.compute_multiplier}",
                          *(f"  warning: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{flops:.4g}</td><td>{value:.4g}</td><td>{low:.4g} to {high:.4g}</td></tr>" for flops, value, low, high in
                       zip(*(self.common[name] for name in ("flops", "compute_multiplier", "low", "high"))))
        notes = "".join(f"<li>{escape(warning)}</li>" for warning in self.warnings)
        return (f"<table><caption>{escape(str(self).splitlines()[0])}</caption><tr><th>FLOPs</th><th>multiplier</th><th>interval</th></tr>"
                f"{rows}</table><ul>{notes}</ul>")

    def chart(self) -> Svg:
        """The compute multiplier over the budget: measured, and as the laws project it."""
        def series(name: str, columns: Columns, points: bool) -> Series:
            return Series(name, columns["flops"], columns["compute_multiplier"], columns["low"], columns["high"], points)
        return chart(f"Compute multiplier of {self.candidate}", "FLOPs", "multiplier",
                     [series("laws", self.projections, False), series("measured", self.common, True)])


def _multipliers(messages: Iterable[Any]) -> Columns:
    columns = Columns(flops=[], compute_multiplier=[], low=[], high=[])
    for message in messages:
        quantity = message.compute_multiplier
        columns["flops"].append(message.flops)
        for name, field in (("compute_multiplier", "value"), ("low", "low"), ("high", "high")):
            columns[name].append(getattr(quantity, field) if field == "value" or quantity.HasField(field) else float("nan"))
    return columns


def _study(name: str) -> str:
    return name if name.startswith("studies/") else f"studies/{name}"


def compare(baseline: str, candidate: str, server: Optional[str] = None, token: Optional[str] = None, **options: Any) -> Comparison:
    """Two studies, one recipe each. options: fields of CompareStudiesRequest (floor, floor_value, exponent, budgets_flops, ...).
    SextantError when the runs cannot tell, or cannot be compared."""
    try:
        request = pb.CompareStudiesRequest(baseline=_study(baseline), candidate=_study(candidate), **options)
    except (TypeError, ValueError) as error:
        raise SextantError(f"{error}; see CompareStudiesRequest in the API") from None
    connection = connect(server, token)
    connection.ensure_running()
    answer = connection.call("ComparisonService/CompareStudies", request, pb.CompareStudiesResponse)
    return Comparison(baseline, candidate, _quantity(answer, "compute_multiplier"), answer.verdict,
                      answer.seeds_to_tell if answer.HasField("seeds_to_tell") else None, _multipliers(answer.common),
                      _multipliers(answer.projections), tuple(answer.warnings))


@dataclasses.dataclass(frozen=True)
class Scores:
    """Estimators or laws on one study, as columns, and which of them to take."""
    columns: Columns
    verdict: str
    warnings: "tuple[str, ...]"

    def __str__(self) -> str:
        rows = [", ".join(f"{name} {value:.4g}" if isinstance(value, float) else str(value) for name, value in zip(self.columns, row))
                for row in zip(*self.columns.values())]
        return "\n".join([*rows, self.verdict, *(f"warning: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in self.columns)
        rows = "".join("<tr>" + "".join(f"<td>{value:.4g}</td>" if isinstance(value, float) else f"<td>{escape(str(value))}</td>"
                                        for value in row) + "</tr>" for row in zip(*self.columns.values()))
        return f"<table><caption>{escape(self.verdict)}</caption><tr>{head}</tr>{rows}</table>"


def compare_fits(study: str, laws: Iterable[str] = (), server: Optional[str] = None, token: Optional[str] = None, **options: Any) -> Scores:
    """Estimators of the optimal rate and batch by the loss that they give away where they did not look; with `laws`, those laws of
    the loss by their error on the largest scales. options: fields of CompareFitsRequest."""
    try:
        request = fit_service_pb2.CompareFitsRequest(parent=_study(study), laws=list(laws), **options)
    except (TypeError, ValueError) as error:
        raise SextantError(f"{error}; see CompareFitsRequest in the API") from None
    connection = connect(server, token)
    connection.ensure_running()
    answer = connection.call("FitService/CompareFits", request, fit_service_pb2.CompareFitsResponse, timeout=600)
    names, rows = (("law", "mean_relative_error", "aic", "bic", "error"), answer.laws) if answer.laws else (
        ("split", "estimator", "mean_excess_pct", "max_excess_pct", "cells"), answer.estimators)
    return Scores(Columns({name: [getattr(row, name) for row in rows] for name in names}), answer.verdict, tuple(answer.warnings))
