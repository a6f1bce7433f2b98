# SPDX-License-Identifier: Apache-2.0
"""The package as it is installed: its sources with the generated messages, in a folder of its own on the path."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ["SEXTANT_BIN_DIR"])

_folder = tempfile.TemporaryDirectory(prefix="sextant-python-")
shutil.copytree(ROOT / "clients/python/sextant", pathlib.Path(_folder.name) / "sextant",
                ignore=shutil.ignore_patterns("v1", "__pycache__"))
_protos = sorted(file.relative_to(ROOT / "proto").as_posix() for file in (ROOT / "proto").glob("sextant/v1/*.proto"))
subprocess.run(["protoc", f"--proto_path={ROOT / 'proto'}", f"--python_out={_folder.name}", *_protos], check=True)
sys.path.insert(0, _folder.name)


class Server:
    """sextantd at a unix socket in `folder`, which may be killed and started again."""

    def __init__(self, folder: pathlib.Path):
        self.socket, self.database = folder / "s.sock", folder / "a.db"
        self.address = f"unix:{self.socket}"
        self.process = None

    def start(self):
        self.process = subprocess.Popen([BIN / "sextantd", "--listen", self.address, "--db", self.database, "--fsync",
                                         "normal", "--shutdown-seconds", "2"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not self.socket.exists():
            assert self.process.poll() is None and time.monotonic() < deadline, "sextantd did not start"
            time.sleep(0.01)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)
