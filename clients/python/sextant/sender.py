# SPDX-License-Identifier: Apache-2.0
"""The thread that writes what was logged to the spool and uploads it."""
import collections
import math
import pathlib
import threading
import time
import warnings
from typing import Any, Callable, Mapping, Optional

from sextant import declarations
from sextant.connection import Connection
from sextant.errors import SextantError
from sextant.points import Points
from sextant.spool import Spool
from sextant.v1 import run_service_pb2, study_service_pb2

_WAKE_SECONDS = 0.5
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 0.5, 30.0
# A chunk stays far below the server's 4 MiB: 44 bytes a point.
_POINTS_PER_MESSAGE = 20_000
_STATES = {"finished": run_service_pb2.FINISHED, "diverged": run_service_pb2.DIVERGED,
           "crashed": run_service_pb2.CRASHED, "running": run_service_pb2.RUNNING}


class _Refused(Exception):
    """The server will not take this run, whatever is tried."""


class Sender(threading.Thread):
    """Drains a queue of (step, metrics) into the spool and the server.

    What is durable at the server is counted in points; an upload whose answer was lost is sent again, which the server
    recognises. Only this thread touches spool, points and stream.
    """

    def __init__(self, connection: Connection, study: str, name: str, split: Callable[..., Any],
                 spool_path: pathlib.Path, config: "dict[str, Any]", declared: Any,
                 new_study: Optional[Mapping[str, str]], max_queued: int):
        """split(config, declared names) gives fields, tags and values of a run; `declared` is a Study message."""
        super().__init__(name=f"sextant-{name}", daemon=True)
        self.queue: "collections.deque[tuple[int, Mapping[str, Any]]]" = _Bounded(max_queued)
        self.spool_path = spool_path
        self.complete = False  # the server has everything, the end included
        self.problem = ""      # why not, so far
        self._connection, self._study, self._run_name = connection, study, name
        self.config = config
        self._split, self._declared, self._new_study = split, declared, new_study
        self._names = declarations.names(declared)  # those of the study, once it is known
        self._summary: "Mapping[str, Any]" = {}
        self._fields, self._tags, self._values = split(config, self._names)
        self._points = Points(self._fields.get("batch_size_tokens"))
        self._acknowledged = 0
        self._stored = False  # the server knows the run
        self._wake, self._closing = threading.Event(), threading.Event()
        self._final: "Optional[tuple[Optional[float], str]]" = None
        self._deadline = math.inf

    # Called by the training's thread.

    def finish(self, loss: Optional[float], state: str, timeout: float, summary: Mapping[str, Any]) -> bool:
        if state not in _STATES:
            raise ValueError(f"state is one of {', '.join(_STATES)}, not {state!r}")
        self._summary = dict(summary)
        self._final = (loss, state)
        self.close(timeout)
        if not self.complete:
            warnings.warn(f"sextant: the run is not all at the server ({self.problem or 'no answer in time'}); "
                          f"`sextant runs import {self.spool_path} --study {self._study}` brings it there")
        return self.complete

    def close(self, timeout: float) -> None:
        self._deadline = time.monotonic() + timeout
        self._closing.set()
        self._wake.set()
        self.join(timeout + 5)

    # The thread.

    def run(self) -> None:
        try:
            self._work()
        except Exception as error:  # nothing of ours may reach the training
            self.problem = self.problem or f"{type(error).__name__}: {error}"
            warnings.warn(f"sextant: logging stopped: {self.problem}")

    def _work(self) -> None:
        spool = Spool(self.spool_path, self._run_name, self.config)
        wait, next_try, refused, summed_up = _FIRST_RETRY_SECONDS, 0.0, False, False
        while True:
            closing = self._closing.is_set()  # read first: what was queued before it is drained below
            self._drain(spool)
            if closing and self._final is not None and not summed_up:
                summed_up = True
                if self._summary:  # settings of the run, for whoever imports the spool
                    spool.write([(self._points.last_step, {"config": self._summary})])
            if not refused and time.monotonic() >= next_try:
                try:
                    self._upload(all_points=closing)
                    self.problem, wait, next_try = "", _FIRST_RETRY_SECONDS, 0.0
                except _Refused as error:
                    self.problem, refused = str(error), True
                    warnings.warn(f"sextant: the server does not take run {self._run_name}: {error}")
                except SextantError as error:
                    self.problem = str(error)
                    next_try = time.monotonic() + wait
                    wait = min(2 * wait, _LAST_RETRY_SECONDS, max(0.1, self._deadline - time.monotonic()))
            if closing and (refused or self._is_done() or time.monotonic() > self._deadline):
                break
            self._wake.wait(0.05 if closing else _WAKE_SECONDS)
            if not closing:
                self._wake.clear()
        spool.close()
        self._report()

    def _is_done(self) -> bool:
        return not self.problem and self._acknowledged == len(self._points) and (self._final is None or self.complete)

    def _drain(self, spool: Spool) -> None:
        rows = []
        while self.queue:
            rows.append(self.queue.popleft())
            if len(rows) >= 10_000:
                self._take(rows, spool)
                rows = []
        if rows:
            self._take(rows, spool)

    def _take(self, rows: "list[tuple[int, Mapping[str, Any]]]", spool: Spool) -> None:
        spool.write(rows)
        for step, metrics in rows:
            self._points.add(int(step), metrics)

    def _upload(self, all_points: bool) -> None:
        """Brings the server up to date. The last point is held back while values for its step may still come."""
        if not self._stored:
            self._connection.ensure_running()
            self._ensure_study()
        end = len(self._points) if all_points else max(0, len(self._points) - 1)
        while self._acknowledged < end:
            stop = min(end, self._acknowledged + _POINTS_PER_MESSAGE)
            self._send(self._message(self._acknowledged, stop))
            self._acknowledged = stop
            self._points.forget(stop)
        if all_points and self._final is not None and not self.complete:
            self._send(self._last_message())
            self.complete = True

    def _ensure_study(self) -> None:
        name = f"studies/{self._study}"
        try:
            study = self._connection.call("StudyService/GetStudy", study_service_pb2.GetStudyRequest(name=name),
                                          study_service_pb2.Study, timeout=10)
            self._take_declared(study)
            return
        except SextantError as error:
            if error.code is None or error.code.name != "NOT_FOUND":
                raise
            if self._new_study is None:
                raise _Refused(f"there is no study {self._study!r}") from None
        study = study_service_pb2.Study(
            param_count=study_service_pb2.ParamCount.Value(self._new_study["param_count"]),
            loss_unit=study_service_pb2.LossUnit.Value(self._new_study["loss_unit"]),
            variables=self._declared.variables, objectives=self._declared.objectives)
        request = study_service_pb2.CreateStudyRequest(study_id=self._study, study=study)
        try:
            self._connection.call("StudyService/CreateStudy", request, study_service_pb2.Study, timeout=10)
        except SextantError as error:
            if error.code is not None and error.code.name == "INVALID_ARGUMENT":
                raise _Refused(str(error)) from None
            if error.code is None or error.code.name != "ALREADY_EXISTS":
                raise
            self._ensure_study()  # another process was first

    def _take_declared(self, study: Any) -> None:
        """What the study declares, with what the caller declares added; numbers of those names are values then."""
        try:
            study = declarations.add_missing(self._connection, study, self._declared)
        except SextantError as error:
            if error.retryable:
                raise
            raise _Refused(str(error)) from None
        self._names = declarations.names(study)
        self._fields, self._tags, self._values = self._split(self.config, self._names)

    def _base_message(self) -> Any:
        message = run_service_pb2.Run(run_id=self._run_name, state=run_service_pb2.RUNNING, source="sextant for Python")
        for field, value in self._fields.items():
            # Planned steps and tokens are not what was done.
            if field not in ("steps", "tokens"):
                setattr(message, field, value)
        for field in ("steps", "tokens"):
            if field in self._fields:
                message.tags[f"planned_{field}"] = repr(self._fields[field])
        for key, value in self._tags.items():
            message.tags[key] = value
        for key, value in self._values.items():
            if math.isfinite(value):
                message.variables[key] = value
        return message

    def _message(self, begin: int, end: int) -> Any:
        """Points `begin` to `end`; with the run's fields when it is the first message."""
        message = self._base_message() if begin == 0 else run_service_pb2.Run(run_id=self._run_name, curve_begin=begin)
        part = self._points.slice(begin, end)
        if begin == 0:
            self._set_progress(message, part["step"][-1], part.get("tokens"))
        for name, values in part.items():
            getattr(message.curve, name).extend(values)
        return message

    def _set_progress(self, message: Any, steps: int, tokens: Optional[Any]) -> None:
        """What was done so far; no field without a value above 0."""
        if steps > 0:
            message.steps = steps
        if tokens and tokens[-1] > 0:
            message.tokens = tokens[-1]

    def _last_message(self) -> Any:
        loss, state = self._final
        config = dict(self.config)  # set while the run went on
        self._fields, self._tags, self._values = self._split(config, self._names)
        _, tags, values = self._split(self._summary, self._names)
        self._tags.update(tags)
        self._values.update(values)
        message = self._base_message()
        message.state = _STATES[state]
        source = "given"
        for column in ("validation_loss", "train_loss"):
            if loss is None:
                loss, source = self._points.last_known(column), column
        if loss is not None:
            message.loss_nats = float(loss)
            message.tags["loss_from"] = source
        tokens = self._points.last_known("tokens")
        self._set_progress(message, self._points.last_step, [tokens] if tokens else None)
        if "learning_rate" not in self._fields and math.isfinite(self._points.peak_learning_rate):
            message.learning_rate = self._points.peak_learning_rate
        return message

    def _send(self, message: Any) -> None:
        """One durable message, or SextantError (try again) or _Refused."""
        header = run_service_pb2.UploadRunsRequest(
            header=run_service_pb2.UploadHeader(parent=f"studies/{self._study}"))
        chunk = run_service_pb2.UploadRunsRequest(
            chunk=run_service_pb2.UploadChunk(index=0, batch=run_service_pb2.RunBatch(runs=[message]), last=True))
        try:
            answers = list(self._connection.stream("RunService/UploadRuns", [header, chunk],
                                                   run_service_pb2.UploadRunsResponse, timeout=30))
        except SextantError as error:
            if not error.retryable:
                raise _Refused(str(error)) from None
            self._stored = False  # it may be another server afterwards: look at it anew
            raise
        rejects = [reject.reason for answer in answers for reject in answer.rejects]
        if rejects:
            raise _Refused(rejects[0])
        if not answers or answers[-1].next_chunk != 1:
            raise SextantError("the server ended the upload without an answer")
        self._stored = True

    def _report(self) -> None:
        points, dropped = self._points, self.queue.dropped
        if dropped:
            warnings.warn(f"sextant: {dropped} values were dropped: more than {self.queue.limit} were waiting")
        if points.behind:
            warnings.warn(f"sextant: {points.behind} values of steps that went back (first: {points.first_behind}) are in "
                          f"{self.spool_path} and not in the curve, whose steps rise")


class _Bounded(collections.deque):
    """A queue whose append never waits: beyond `limit` new entries are counted and dropped."""

    def __init__(self, limit: int):
        super().__init__()
        self.limit, self.dropped = limit, 0

    def append(self, entry: "tuple[int, Mapping[str, Any]]") -> None:
        if len(self) >= self.limit:
            self.dropped += 1
        else:
            super().append(entry)
