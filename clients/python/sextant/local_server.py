# SPDX-License-Identifier: Apache-2.0
"""Starts sextantd on a unix socket, for work without a server."""
import atexit
import fcntl
import os
import pathlib
import shutil
import socket
import subprocess
import time

from sextant.errors import SextantError

_START_SECONDS = 30
_started: list[subprocess.Popen] = []


def ensure_running(path: str, database: pathlib.Path) -> None:
    """Makes sure that a sextantd over `database` listens at the socket `path`. One process starts it, the others wait
    for it. SextantError if there is no binary or it does not start."""
    if _answers(path):
        return
    folder = pathlib.Path(path).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise SextantError(f"{folder} belongs to somebody else: set XDG_RUNTIME_DIR")
    with open(path + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _answers(path):
            _start(path, database)


def _answers(path: str) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(path)
        return True
    except OSError:
        return False


def _binary() -> str:
    found = os.environ.get("SEXTANTD") or shutil.which("sextantd")
    if not found:
        raise SextantError("there is no server: give server=, set SEXTANT_SERVER, or put sextantd on the PATH "
                           "(or its place into SEXTANTD)")
    return found


def _start(path: str, database: pathlib.Path) -> None:
    """Starts the server; where another one is just ending and still has the database, again once it has let go."""
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        process, log = _try_start(path, database, deadline)
        if process is not None:
            _started.append(process)
            return
        if "in use by another process" not in log or time.monotonic() > deadline:
            raise SextantError("sextantd did not start: " + log[-1000:].strip())
        time.sleep(0.1)


def _try_start(path: str, database: pathlib.Path, deadline: float) -> "tuple[subprocess.Popen | None, str]":
    """The running server, or None and what it said."""
    log_path = path.removesuffix(".sock") + ".log"
    with open(log_path, "w", encoding="utf-8") as log:
        process = subprocess.Popen([_binary(), "--listen", f"unix:{path}", "--db", str(database)], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, start_new_session=True)
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(path):
            return process, ""
        time.sleep(0.01)
    process.kill()
    with open(log_path, encoding="utf-8", errors="replace") as said:
        return None, said.read()


@atexit.register
def _stop() -> None:
    """Ends what this process started. Others that used it start one of their own."""
    for process in _started:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
