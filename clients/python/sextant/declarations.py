# SPDX-License-Identifier: Apache-2.0
"""What a study declares beside the standard fields of runs: variables, and objectives that runs are judged by."""
from typing import Any, Mapping, Optional, Union

from sextant.connection import Connection, connect
from sextant.errors import SextantError
from sextant.v1 import study_service_pb2 as pb

# name -> unit, (unit, meaning), or a mapping with those keys.
Variables = Mapping[str, Union[str, "tuple[str, str]", Mapping[str, str]]]
# name -> "min" or "max", or a mapping: direction ("min" or "max"), unit, meaning, floor, ceiling.
Objectives = Mapping[str, Union[str, Mapping[str, Any]]]

_DIRECTIONS = {"min": pb.MINIMIZE, "minimize": pb.MINIMIZE, "max": pb.MAXIMIZE, "maximize": pb.MAXIMIZE}


def to_study(variables: Optional[Variables], objectives: Optional[Objectives]) -> Any:
    """A Study message that declares them. SextantError for another shape."""
    study = pb.Study()
    for name, about in (variables or {}).items():
        if isinstance(about, str):
            about = {"unit": about}
        elif isinstance(about, (tuple, list)):
            about = dict(zip(("unit", "meaning"), about))
        study.variables.add(name=name, **_checked(name, about, ("unit", "meaning")))
    for name, about in (objectives or {}).items():
        about = {"direction": about} if isinstance(about, str) else dict(about)
        direction = _DIRECTIONS.get(str(about.pop("direction", "")))
        if direction is None:
            raise SextantError(f"objective {name!r}: direction is 'min' or 'max'")
        study.objectives.add(name=name, direction=direction,
                             **_checked(name, about, ("unit", "meaning", "floor", "ceiling")))
    return study


def _checked(name: str, about: Mapping[str, Any], keys: "tuple[str, ...]") -> "dict[str, Any]":
    unknown = sorted(set(about) - set(keys))
    if unknown:
        raise SextantError(f"{name!r} is declared with {', '.join(keys)}, not {', '.join(unknown)}")
    return dict(about)


def names(study: Any) -> "list[str]":
    """What the study declares: variables, then objectives."""
    return [each.name for each in (*study.variables, *study.objectives)]


def add_missing(connection: Connection, study: Any, wanted: Any) -> Any:
    """Declares what `study` does not yet; the study as it is then. Raises SextantError."""
    known = set(names(study))
    update = pb.Study(name=study.name, variables=[v for v in wanted.variables if v.name not in known],
                      objectives=[o for o in wanted.objectives if o.name not in known])
    if not update.variables and not update.objectives:
        return study
    return connection.call("StudyService/UpdateStudy", pb.UpdateStudyRequest(study=update), pb.Study)


def declare(study: str, variables: Optional[Variables] = None, objectives: Optional[Objectives] = None,
            server: Optional[str] = None, token: Optional[str] = None) -> "list[str]":
    """Declares variables ({"r": "share"}) and objectives ({"error_rate": "min"}) of a study that is there; the names of
    all that it declares. What is declared stays: SextantError where it was declared otherwise."""
    connection = connect(server, token)
    connection.ensure_running()
    wanted = to_study(variables, objectives)
    wanted.name = f"studies/{study}"
    return names(connection.call("StudyService/UpdateStudy", pb.UpdateStudyRequest(study=wanted), pb.Study))
