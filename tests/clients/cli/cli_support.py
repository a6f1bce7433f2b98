# SPDX-License-Identifier: Apache-2.0
"""Runs the built binaries the way a script would. Needs SEXTANT_BIN_DIR in the environment."""
import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ["SEXTANT_BIN_DIR"])
SOURCE = pathlib.Path(os.environ["SEXTANT_SOURCE_DIR"])
TIMEOUT_S = 120


def clean_environment(home):
    """Nothing of the caller's settings reaches the program."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SEXTANT_", "XDG_", "CLICOLOR", "NO_COLOR"))}
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        kept.pop(name, None)
    kept["HOME"] = str(home)
    return kept


class CliTest(unittest.TestCase):
    """A temporary folder, and `sextant` over a database in it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.env = clean_environment(self.folder)
        self.where = ["--db", str(self.folder / "runs.db")]

    def run_cli(self, *args, code=0, stdin=None, env=None, where=None, cwd=None):
        """Runs the command, checks its exit code (None: any) and returns (stdout, stderr)."""
        command = [str(BIN / "sextant"), *(self.where if where is None else where), *map(str, args)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=TIMEOUT_S,
                              env=env or self.env, cwd=cwd or self.folder)
        if code is not None:
            self.assertEqual(done.returncode, code, f"{command}\nstdout: {done.stdout}\nstderr: {done.stderr}")
        return done.stdout, done.stderr

    def run_json(self, *args, **kwargs):
        return json.loads(self.run_cli("-o", "json", *args, **kwargs)[0])

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start_server(self, database=None):
        """Starts sextantd on a free port and returns HOST:PORT."""
        port_file = self.folder / f"port-{time.monotonic_ns()}"
        server = subprocess.Popen(
            [str(BIN / "sextantd"), "--listen", "127.0.0.1:0", "--port-file", str(port_file),
             "--db", str(database or self.folder / "server.db")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.env)
        self.addCleanup(self.stop_server, server)
        deadline = time.monotonic() + TIMEOUT_S
        while not port_file.exists():
            self.assertIsNone(server.poll(), "sextantd ended")
            self.assertLess(time.monotonic(), deadline, "sextantd does not listen")
            time.sleep(0.02)
        return "127.0.0.1:" + port_file.read_text().strip()

    @staticmethod
    def stop_server(server):
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
            server.wait(TIMEOUT_S)

    def make_study(self, study="s", rows=None, **kwargs):
        """A study with a synthetic sweep."""
        self.run_cli("studies", "create", study, **kwargs)
        path = self.write(f"{study}.csv", sweep_csv() if rows is None else rows)
        return self.run_json("runs", "import", path, "--study", study, **kwargs)


# The sweep's true laws.
RATE_C, RATE_N, RATE_D = 2.0, -0.4, 0.1
BATCH_C, BATCH_D = 3.0, 0.5


def best_rate(n, d):
    return RATE_C * n**RATE_N * d**RATE_D


def best_batch(d):
    return BATCH_C * d**BATCH_D


def sweep_csv(sizes=(1e6, 4e6, 16e6, 64e6), horizons=(1e8, 4e8, 1.6e9), rates=9, batches=5):
    """A grid around the known optimum of every cell, off centre by a fixed amount that differs from cell to cell."""
    lines = ["run_id,params_non_embedding,tokens,learning_rate,batch_size_tokens,loss_nats"]
    for i, n in enumerate(sizes):
        for j, d in enumerate(horizons):
            floor = 1.7 + 400 / n**0.34 + 400 / d**0.28
            for k in range(rates):
                for m in range(batches):
                    x = 0.15 * (k - rates // 2) + 0.02 * ((i + 2 * j) % 3 - 1)
                    y = 0.3 * (m - batches // 2) + 0.03 * ((2 * i + j) % 3 - 1)
                    loss = floor * (1 + 0.05 * x * x + 0.01 * y * y)
                    rate, batch = best_rate(n, d) * math.exp(x), best_batch(d) * math.exp(y)
                    lines.append(f"r{i}-{j}-{k}-{m},{n:.0f},{d:.0f},{rate!r},{batch!r},{loss!r}")
    return "\n".join(lines) + "\n"


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def normalized(text, fits=()):
    """Times, etags and generated fit ids replaced; everything else must agree between the modes."""
    for number, fit in enumerate(fits):
        text = text.replace(fit, f"FIT{number}")
    text = TIME.sub("TIME", text)
    return re.sub(r'"etag": ?"[^"]*"', '"etag": "ETAG"', text)


def main():
    unittest.main(verbosity=2)
