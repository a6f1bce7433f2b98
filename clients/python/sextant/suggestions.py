# SPDX-License-Identifier: Apache-2.0
"""The next calibration runs for a target and a budget."""
import dataclasses
from html import escape
from typing import Any, Optional

from sextant.charts import Series, Svg, chart
from sextant.connection import connect
from sextant.errors import SextantError
from sextant.records import Columns
from sextant.v1 import suggestion_service_pb2 as pb

FIELDS = ("params", "tokens", "learning_rate", "batch_size_tokens", "seed", "flops", "expected_excess_loss")


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """`runs` as columns, best first; the excess loss expected at the target before and after them."""
    runs: Columns
    excess_loss_before: float
    excess_loss_after: float
    good_enough: bool
    warnings: "tuple[str, ...]"

    def __str__(self) -> str:
        head = f"{len(self.runs['params'])} runs: expected excess loss {100 * self.excess_loss_before:.3g} % -> {100 * self.excess_loss_after:.3g} %"
        rows = [f"  N {n:.4g}  D {d:.4g}  rate {rate:.4g}  batch {batch:.4g}" for n, d, rate, batch in
                zip(*(self.runs[name] for name in FIELDS[:4]))]
        return "\n".join([head, *rows, *(f"  warning: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in FIELDS)
        rows = "".join("<tr>" + "".join(f"<td>{value:.5g}</td>" for value in row) + "</tr>" for row in zip(*(self.runs[name] for name in FIELDS)))
        notes = "".join(f"<li>{escape(warning)}</li>" for warning in self.warnings)
        return f"<table><caption>{escape(str(self).splitlines()[0])}</caption><tr>{head}</tr>{rows}</table><ul>{notes}</ul>"

    def chart(self) -> Svg:
        """The expected excess loss as FLOPs are spent."""
        spent, total = [], 0.0
        for flops in self.runs["flops"]:
            total += flops
            spent.append(total)
        return chart("Expected excess loss at the target", "FLOPs spent", "relative excess loss",
                     [Series("after each run", spent, self.runs["expected_excess_loss"])])


def suggest(study: str, target_params: float, target_tokens: float, budget_flops: float, server: Optional[str] = None,
            token: Optional[str] = None, **options: Any) -> Suggestion:
    """The runs that shrink the loss expected to be given away at the target most per FLOP; `study` may be empty. options:
    fields of SuggestRunsRequest (sizes, tokens_per_param, max_runs, tolerance, filter)."""
    try:
        request = pb.SuggestRunsRequest(study=study if study.startswith("studies/") else f"studies/{study}", target_params=target_params,
                                        target_tokens=target_tokens, budget_flops=budget_flops, **options)
    except (TypeError, ValueError) as error:
        raise SextantError(f"{error}; see SuggestRunsRequest in the API") from None
    connection = connect(server, token)
    connection.ensure_running()
    answer = connection.call("SuggestionService/SuggestRuns", request, pb.SuggestRunsResponse)
    columns = Columns({name: [getattr(run, name) for run in answer.runs] for name in FIELDS})
    columns["params"] = [run.params or run.params_non_embedding for run in answer.runs]
    return Suggestion(columns, answer.target.expected_excess_loss_before, answer.target.expected_excess_loss_after, answer.good_enough,
                      tuple(answer.warnings))
