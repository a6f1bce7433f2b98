# SPDX-License-Identifier: Apache-2.0
"""One training run that is being logged."""
import atexit
import os
import pathlib
import re
import time
import uuid
import warnings
from typing import Any, Mapping, Optional, Sequence

from sextant import declarations, sender, spool
from sextant.connection import connect
from sextant.v1 import run_service_pb2

# Fields of a run that a configuration may fill, as the API names them; everything else becomes a tag. Quantities are
# the API's own `optional double` fields; the final loss is told by `finish`.
NUMBER_FIELDS = tuple(field.name for field in run_service_pb2.Run.DESCRIPTOR.fields
                      if field.cpp_type == field.CPPTYPE_DOUBLE and field.containing_oneof and field.name != "loss_nats")
TEXT_FIELDS = ("schedule", "optimizer")


class Run:
    """A run that is being logged. `log` may be called from one thread at a time; it neither raises nor waits."""

    def __init__(self, run_sender: "sender.Sender", name: str, study: str):
        self.name, self.study = name, study
        self.config = run_sender.config  # what the run is made with; what is set later is sent with the end
        self.summary: "dict[str, Any]" = {}  # results, sent with the end: what the study declares, else tags
        self._sender = run_sender
        self._append = run_sender.queue.append  # looked up once: log is called at every step
        self._step = 0
        self._ended = False

    @property
    def spool(self) -> pathlib.Path:
        """The file that holds everything that was logged."""
        return self._sender.spool_path

    def log(self, metrics: Mapping[str, Any], step: Optional[int] = None) -> None:
        """Puts `metrics` on the queue: train_loss, validation_loss, learning_rate, tokens, gradient_noise_scale (and
        usual other names for them) go into the run's curve; whatever else there is stays in the spool file. `step` is
        the number of optimizer steps that were completed; without it each call counts one."""
        self._step = self._step + 1 if step is None else step
        self._append((self._step, dict(metrics)))  # a copy: loops reuse their dictionary

    def finish(self, loss: Optional[float] = None, state: str = "finished", timeout: float = 30) -> bool:
        """Sends the rest and the final fields: `loss` is the final loss in the study's unit (default: the last
        validation loss, else the last training loss; the tag loss_from says which). state: finished, diverged or
        crashed. Waits at most `timeout` seconds; True when the server has everything. Otherwise the spool has."""
        if self._ended:
            return self._sender.complete
        self._ended = True
        atexit.unregister(self._abandon)
        try:
            return self._sender.finish(loss, state, timeout, self.summary)
        except Exception as error:  # a training script must not die of its logging
            warnings.warn(f"sextant: {error}; everything logged is in {self.spool}")
            return False

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind, _value, _trace) -> None:
        self.finish(state="finished" if kind is None else "crashed")

    def _abandon(self) -> None:
        """The process ends without finish: the run is sent as it is and stays RUNNING."""
        try:
            self._sender.close(10)
        except Exception:
            pass


def split(config: Mapping[str, Any],
          declared: "Sequence[str]" = ()) -> "tuple[dict[str, Any], dict[str, str], dict[str, float]]":
    """A configuration as fields of a run, tags, and values of what its study declares."""
    fields: dict[str, Any] = {}
    tags: dict[str, str] = {}
    values: dict[str, float] = {}
    for key, value in dict(config).items():
        if key in declared:
            try:
                values[key] = float(value)
                continue
            except (TypeError, ValueError):
                pass  # kept as a tag
        if key in NUMBER_FIELDS and isinstance(value, (int, float)) and not isinstance(value, bool):
            fields[key] = float(value)
        elif key in TEXT_FIELDS:
            fields[key] = str(value)
        elif key == "seed" and isinstance(value, int):
            fields[key] = value
        else:
            tags[str(key)] = str(value)
    return fields, tags, values


def init(study: str, config: Optional[Mapping[str, Any]] = None, name: Optional[str] = None,
         server: Optional[str] = None, token: Optional[str] = None, create_study: bool = True,
         param_count: str = "NON_EMBEDDING", loss_unit: str = "NATS_PER_TOKEN",
         variables: Optional[declarations.Variables] = None, objectives: Optional[declarations.Objectives] = None,
         spool_folder: Optional[os.PathLike] = None, max_queued: int = 1_000_000) -> Run:
    """Starts logging a run. Never raises and never waits for a server: what is wrong is a warning.

    config: what the run is made with; see NUMBER_FIELDS and TEXT_FIELDS for what laws can use, other keys are kept as
    tags. Numbers under the name of a variable or objective of the study are its values; `run.summary["error_rate"] = 0.1`
    and later values of `run.config` are sent by `finish`. variables, objectives: what the study declares
    ({"r": "share"}, {"error_rate": "min"}; see declarations.py), added to it where it does not yet.
    batch_size_tokens gives the curve its tokens. name: its id ([A-Za-z0-9._~+=:@-], 200 at most); chosen when
    absent. create_study: makes the study, with these units, if it is missing. max_queued: values that may wait for the
    sending thread; beyond that new ones are dropped, counted and warned about.
    """
    config = dict(config or {})
    name = name or time.strftime("%Y%m%d-%H%M%S-") + uuid.uuid4().hex[:8]
    if not re.fullmatch(r"[A-Za-z0-9._~+=:@-]{1,200}", name):
        plain = re.sub(r"[^A-Za-z0-9._~+=:@-]", "-", name)[:180] + "-" + uuid.uuid5(uuid.NAMESPACE_OID, name).hex[:8]
        config.setdefault("run_name", name)
        name = plain
    try:
        declared = declarations.to_study(variables, objectives)
    except Exception as error:  # a training script must not die of its logging
        warnings.warn(f"sextant: {error}; nothing is declared")
        declared = declarations.to_study(None, None)
    path = pathlib.Path(spool_folder) if spool_folder else spool.default_folder()
    run_sender = sender.Sender(connect(server, token), study, name, split, path / f"{study}-{name}.jsonl",
                               config=config, declared=declared,
                               new_study={"param_count": param_count, "loss_unit": loss_unit} if create_study else None,
                               max_queued=max_queued)
    run_sender.start()
    run = Run(run_sender, name, study)
    atexit.register(run._abandon)
    return run
