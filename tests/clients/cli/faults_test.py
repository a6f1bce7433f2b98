# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with files is said from the command line and by the server, and costs nothing acknowledged."""
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

import cli_support
from cli_support import CliTest

FILE_LIMIT_BYTES = 1_000_000
LONG_LINE_BYTES = 256 << 20


class FaultsTest(CliTest):
    def fill(self):
        self.run_cli("studies", "create", "s")
        self.run_cli("runs", "import", self.write("s.csv", cli_support.sweep_csv()), "--study", "s")
        return self.folder / "runs.db"

    def test_a_newer_schema_is_refused_by_both_and_left_alone(self):
        # Of an earlier version, whose pages have no checksums: this test writes into it.
        database = self.folder / "runs.db"
        shutil.copy(pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "v0.1" / "database.db", database)
        count = self.run_json("studies", "show", "calibration")["run_count"]
        with sqlite3.connect(database) as file:
            version = file.execute("PRAGMA user_version").fetchone()[0]
            file.execute("PRAGMA user_version = 9999")
        _, errors = self.run_cli("runs", "list", "--study", "calibration", code=1)
        self.assertIn("newer Sextant", errors)
        server = subprocess.run([cli_support.BIN / "sextantd", "--listen", "127.0.0.1:0", "--db", database],
                                capture_output=True, text=True, timeout=60, env=self.env)
        self.assertEqual(server.returncode, 1)
        self.assertIn("newer Sextant", server.stderr)
        with sqlite3.connect(database) as file:
            file.execute(f"PRAGMA user_version = {version}")
        self.assertEqual(self.run_json("studies", "show", "calibration")["run_count"], count)

    def test_damaged_pages_are_named_by_doctor_and_never_listed(self):
        database = self.fill()
        with open(database, "r+b") as file:
            for offset in range(16384, database.stat().st_size, 8192):
                file.seek(offset + 100)
                file.write(b"\xff" * 3000)
        out, errors = self.run_cli("doctor", code=1)
        self.assertIn("damaged", out + errors)
        with self.assertRaisesRegex(AssertionError, "is damaged"):
            self.run_cli("runs", "list", "--study", "s")

    def test_a_line_without_end_is_one_reject_and_takes_no_memory(self):
        self.run_cli("studies", "create", "s")
        process = subprocess.Popen([cli_support.BIN / "sextant", *self.where, "runs", "import", "-", "--study", "s"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.env)
        process.stdin.write(b"run_id,params_non_embedding,tokens\n")
        block = b"x" * (1 << 20)
        for _ in range(LONG_LINE_BYTES // len(block)):
            process.stdin.write(block)
        process.stdin.write(b"\nr1,1e8,2e9\n")
        out = process.communicate(timeout=60)[0].decode()
        self.assertIn("stdin:2", out)
        self.assertIn("longer than", out)
        peak_bytes = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # of the largest child so far
        self.assertLess(peak_bytes, LONG_LINE_BYTES)
        self.assertEqual(self.run_json("studies", "show", "s")["run_count"], 1)

    def test_a_file_that_may_not_grow_ends_the_upload_not_the_server(self):
        port_file, database = self.folder / "port", self.folder / "small.db"
        server = subprocess.Popen(
            [cli_support.BIN / "sextantd", "--listen", "127.0.0.1:0", "--port-file", port_file, "--db", database],
            stderr=subprocess.DEVNULL, env=self.env,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT_BYTES, FILE_LIMIT_BYTES)))
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        deadline = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().strip()) and time.monotonic() < deadline:
            time.sleep(0.02)
        where = ["--server", "127.0.0.1:" + port_file.read_text().strip()]
        self.run_cli("studies", "create", "s", where=where)
        rows = "".join(f"r{i},1e8,{2e9 + i},1e-3,{3 + i * 1e-5}\n" for i in range(20000))
        table = self.write("big.csv", "run_id,params_non_embedding,tokens,learning_rate,loss_nats\n" + rows)
        _, errors = self.run_cli("runs", "import", table, "--study", "s", where=where, code=64 + 8)
        self.assertIn("ulimit -f", errors)
        self.assertIsNone(server.poll(), "the server lives on")
        kept = self.run_json("studies", "show", "s", where=where)["run_count"]
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(timeout=60), 0)
        # With room again it holds what it held, and takes the rest.
        where = ["--db", database]
        self.assertEqual(self.run_json("studies", "show", "s", where=where)["run_count"], kept)
        self.run_cli("runs", "import", table, "--study", "s", where=where)
        self.assertEqual(self.run_json("studies", "show", "s", where=where)["run_count"], 20000)


if __name__ == "__main__":
    unittest.main()
