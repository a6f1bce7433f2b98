# SPDX-License-Identifier: Apache-2.0
"""A sextantd of one's own, and stubs made from the protos. Includes nothing of the project but its protos."""
import importlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import grpc

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SKIPPED = 77  # the exit code that says so to CTest
SYSTEM_PROTOS = pathlib.Path("/usr/share/grpc-proto")


def make_stubs(folder: pathlib.Path) -> None:
    """Generates Python stubs of sextant.v1 and of reflection v1, and puts them on the path."""
    plugin = shutil.which("grpc_python_plugin")
    for root, pattern in ((ROOT / "proto", "sextant/v1/*.proto"), (SYSTEM_PROTOS, "grpc/reflection/v1/*.proto")):
        files = [str(file.relative_to(root)) for file in sorted(root.glob(pattern))]
        subprocess.run(["protoc", f"--proto_path={root}", f"--python_out={folder}", f"--grpc_python_out={folder}",
                        f"--plugin=protoc-gen-grpc_python={plugin}", *files], check=True)
    # Our folder grpc/ must not hide the library of that name.
    shutil.move(folder / "grpc", folder / "system_protos")
    for file in (folder / "system_protos").rglob("*_grpc.py"):
        file.unlink()
    sys.path.insert(0, str(folder))


def make_error_details(folder: pathlib.Path) -> None:
    """Generates google.rpc's error details into `folder`, which make_stubs has put on the path."""
    protos = ["google/rpc/error_details.proto", "google/rpc/status.proto"]
    subprocess.run(["protoc", f"--proto_path={ROOT / 'proto'}", f"--python_out={folder}", *protos], check=True)
    import google  # a package of protobuf's own: the generated folder joins it
    google.__path__.append(str(folder / "google"))


def reason(error: grpc.RpcError) -> str:
    """The ErrorInfo reason of a failed call, "" without one."""
    from google.rpc import error_details_pb2, status_pb2
    info = error_details_pb2.ErrorInfo()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                if detail.Unpack(info):
                    return info.reason
    return ""


def message_module(name: str):
    """sextant.v1.<name>_service as (messages, stubs)."""
    base = f"sextant.v1.{name}_service_pb2"
    return importlib.import_module(base), importlib.import_module(base + "_grpc")


def on_postgres() -> bool:
    """Whether databases are PostgreSQL's (SEXTANT_TEST_STORE=postgres), and not files."""
    return os.environ.get("SEXTANT_TEST_STORE") == "postgres"


def new_database(file: pathlib.Path):
    """What --db takes: that file, or an empty schema of a PostgreSQL server that the tests of this process share."""
    if not on_postgres():
        return file
    import postgres_cluster
    if postgres_cluster.binaries() is None:
        print(postgres_cluster.NOT_INSTALLED)
        sys.exit(SKIPPED)
    return postgres_cluster.shared().new_url()


class Sextantd:
    """Starts the binary on a free port over a database in a folder of its own; stops it on exit."""

    def __init__(self, binary: str, flags=(), database=None, **process):
        """`database`: one that is there; `process`: more arguments of subprocess.Popen."""
        self.folder = tempfile.TemporaryDirectory(prefix="sextant-conformance-")
        self.path = pathlib.Path(self.folder.name)
        self.database = database or new_database(self.path / "test.db")
        port_file = self.path / "port"
        self.log = open(self.path / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [binary, "--listen", "127.0.0.1:0", "--db", str(self.database), "--port-file", str(port_file),
             "--fsync", "normal", "--shutdown-seconds", "5", *flags], **{"stdout": self.log, "stderr": self.log, **process})
        deadline = time.monotonic() + 60
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                raise RuntimeError("sextantd did not start: " + self.log.read())
            time.sleep(0.01)
        self.address = "127.0.0.1:" + port_file.read_text(encoding="utf-8").strip()
        self.channel = grpc.insecure_channel(self.address, options=[("grpc.enable_http_proxy", 0)])

    def stop(self) -> int:
        """Asks it to stop and returns its exit code."""
        self.channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self.log.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        self.folder.cleanup()


def binaries() -> pathlib.Path:
    return pathlib.Path(os.environ["SEXTANT_BIN_DIR"])
