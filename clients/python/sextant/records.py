# SPDX-License-Identifier: Apache-2.0
"""Stored studies, runs and curves as columns."""
import math
from typing import Any, Optional

from sextant.charts import Series, Svg, chart
from sextant import declarations
from sextant.connection import connect
from sextant.run import NUMBER_FIELDS, TEXT_FIELDS
from sextant.v1 import run_service_pb2, study_service_pb2


class Columns(dict):
    """Columns by name, all of one length; what is not known is NaN, or "" in a text column."""

    def to_pandas(self) -> Any:
        import pandas
        return pandas.DataFrame(dict(self))

    def to_polars(self) -> Any:
        import polars
        return polars.DataFrame(dict(self))


class Curve(Columns):
    """The points of a run; draws itself in notebooks."""

    def chart(self) -> Svg:
        lines = [Series(name.replace("_", " "), self["step"], self[name]) for name in ("train_loss", "validation_loss") if name in self]
        return chart("Loss over steps", "step", "loss", lines)

    def _repr_svg_(self) -> str:
        return self.chart().text


def studies(server: Optional[str] = None, token: Optional[str] = None) -> Columns:
    """All studies: name, title, param_count, loss_unit, runs, fits, and the names of declared variables and objectives."""
    connection = connect(server, token)
    connection.ensure_running()
    columns = Columns(name=[], title=[], param_count=[], loss_unit=[], runs=[], fits=[], variables=[], objectives=[])
    page = ""
    while True:
        response = connection.call("StudyService/ListStudies",
                                   study_service_pb2.ListStudiesRequest(page_size=1000, page_token=page),
                                   study_service_pb2.ListStudiesResponse)
        for study in response.studies:
            columns["name"].append(study.name.removeprefix("studies/"))
            columns["title"].append(study.title)
            columns["param_count"].append(study_service_pb2.ParamCount.Name(study.param_count))
            columns["loss_unit"].append(study_service_pb2.LossUnit.Name(study.loss_unit))
            columns["runs"].append(study.run_count)
            columns["fits"].append(study.fit_count)
            columns["variables"].append([variable.name for variable in study.variables])
            columns["objectives"].append([objective.name for objective in study.objectives])
        page = response.next_page_token
        if not page:
            return columns


def runs(study: str, filter: str = "", server: Optional[str] = None, token: Optional[str] = None) -> Columns:
    """The runs of a study that match `filter` ("tokens > 1e9 AND state = FINISHED"), ordered by id; with a column for
    each variable and objective that the study declares."""
    connection = connect(server, token)
    connection.ensure_running()
    numbers = (*NUMBER_FIELDS, "loss_nats")
    declared = declarations.names(connection.call(
        "StudyService/GetStudy", study_service_pb2.GetStudyRequest(name=f"studies/{study}"), study_service_pb2.Study))
    columns = Columns({"run": [], "state": [], **{name: [] for name in (*numbers, *TEXT_FIELDS, *declared)}, "tags": []})
    page = ""
    while True:
        request = run_service_pb2.ListRunsRequest(parent=f"studies/{study}", page_size=10_000, page_token=page,
                                                  filter=filter)
        response = connection.call("RunService/ListRuns", request, run_service_pb2.ListRunsResponse)
        for run in response.runs:
            columns["run"].append(run.name.rsplit("/", 1)[-1])
            columns["state"].append(run_service_pb2.RunState.Name(run.state))
            for name in numbers:
                columns[name].append(getattr(run, name) if run.HasField(name) else math.nan)
            for name in TEXT_FIELDS:
                columns[name].append(getattr(run, name))
            for name in declared:
                columns[name].append(run.variables[name] if name in run.variables else math.nan)
            columns["tags"].append(dict(run.tags))
        page = response.next_page_token
        if not page:
            return columns


def curve(study: str, run: str, server: Optional[str] = None, token: Optional[str] = None) -> Curve:
    """The points of a run, in the order of their steps; columns that were not measured are absent."""
    connection = connect(server, token)
    connection.ensure_running()
    columns, page = Curve(step=[]), ""
    while True:
        request = run_service_pb2.GetCurveRequest(name=f"studies/{study}/runs/{run}", page_token=page)
        response = connection.call("RunService/GetCurve", request, run_service_pb2.GetCurveResponse)
        before, part = len(columns["step"]), response.curve
        columns["step"].extend(part.step)
        for name in ("tokens", "train_loss", "validation_loss", "learning_rate", "gradient_noise_scale"):
            values = getattr(part, name)
            if values and name not in columns:
                columns[name] = [math.nan] * before
            if name in columns:
                columns[name].extend(values or [math.nan] * len(part.step))
        page = response.next_page_token
        if not page:
            return columns
