# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of a test's own: in a temporary folder, reached by a socket there, as an unprivileged user."""
import atexit
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

NOT_INSTALLED = "PostgreSQL is not installed: ./check installs postgresql-15"


def binaries():
    """The folder of the newest server's programs, None where there is none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return pathlib.Path(found[-1]).parent if found else None


def unprivileged():
    """Arguments of subprocess.Popen for a user that PostgreSQL, which refuses root, runs for."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class PostgresCluster:
    """Started at once, without fsync unless `durable`; stopped by close(), at the latest when the process ends."""

    def __init__(self, durable=False):
        self.bin = binaries()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-pg-"))
        self.who = unprivileged()
        if self.who:
            os.chown(self.folder, self.who["user"], self.who["group"])
        self.schemas = 0
        self.durable = durable
        subprocess.run([self.bin / "initdb", "-D", self.folder / "data", "-U", "sextant", "-A", "trust", "-N", "-E", "UTF8",
                        "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/", **self.who)
        self.server = None
        atexit.register(self.close)
        self.start()

    def start(self):
        settings = ["listen_addresses=", "max_connections=100"]
        if not self.durable:
            settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        words = [word for setting in settings for word in ("-c", setting)]
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            self.server = subprocess.Popen([self.bin / "postgres", "-D", self.folder / "data", "-k", self.folder, *words],
                                           stdout=log, stderr=log, cwd="/", **self.who)
        deadline = time.monotonic() + 60
        while subprocess.run([self.bin / "pg_isready", "-q", "-h", self.folder, "-U", "sextant"], check=False).returncode != 0:
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not start: " + (self.folder / "log").read_text(encoding="utf-8"))
            time.sleep(0.02)

    def stop(self, how=signal.SIGQUIT):
        """SIGQUIT: at once, without order; SIGINT: in order."""
        self.server.send_signal(how)
        self.server.wait(timeout=60)

    def sql(self, text):
        """The answer as psql prints it, unaligned."""
        return subprocess.run([self.bin / "psql", "-h", self.folder, "-U", "sextant", "-d", "postgres", "-qAtc", text],
                              check=True, capture_output=True, text=True).stdout.strip()

    def new_url(self):
        """The URL of a new, empty schema."""
        self.schemas += 1
        self.sql(f"CREATE SCHEMA s{self.schemas}")
        host = urllib.parse.quote(str(self.folder), safe="")
        return f"postgresql://sextant@{host}/postgres?options=-csearch_path%3Ds{self.schemas}"

    def close(self):
        if self.server is not None and self.server.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


SHARED = []


def shared():
    """One for all tests of the process."""
    if not SHARED:
        SHARED.append(PostgresCluster())
    return SHARED[0]
