# SPDX-License-Identifier: Apache-2.0
"""The file that keeps every logged value until, and after, the server has it."""
import json
import math
import os
import pathlib
from typing import Any, Mapping


def default_folder() -> pathlib.Path:
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return pathlib.Path(state) / "sextant" / "spool"


class Spool:
    """JSON lines, one per call of log, that `sextant runs import` reads (format history-jsonl). The first line has the
    configuration. One writer; each write is whole lines."""

    def __init__(self, path: pathlib.Path, run: str, config: Mapping[str, Any]):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path
        self._run = run
        self._file = open(path, "a", encoding="utf-8")
        self.write([(0, {"config": dict(config)})])

    def write(self, rows: "list[tuple[int, Mapping[str, Any]]]") -> None:
        self._file.write("".join(json.dumps({"run": self._run, "step": step, **_plain(metrics)}) + "\n"
                                 for step, metrics in rows))
        self._file.flush()

    def close(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON can hold: tensors and NumPy scalars as numbers, NaN and infinity as text, the rest as text."""
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            plain[name] = _plain(value)
        elif isinstance(value, (str, bool, int)) or value is None:
            plain[name] = value
        else:
            try:
                number = float(value)
                plain[name] = number if math.isfinite(number) else str(number)
            except (TypeError, ValueError):
                plain[name] = str(value)
    return plain
