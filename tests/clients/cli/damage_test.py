# SPDX-License-Identifier: Apache-2.0
"""Files that are damaged, in the way or out of reach: what is wrong, where, what to do; and no half files."""
import json
import os
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import unittest

import cli_support
from cli_support import CliTest

PAGE_BYTES = 16384
NOBODY = 65534


class DamageTest(CliTest):
    def fill(self):
        self.make_study()
        self.run_cli("fits", "create", "--study", "s", "--law", "lr-power-nd", "--estimator", "band", "--bootstrap", 50)
        return self.folder / "runs.db"

    def database_check(self, code=0):
        checks = self.run_json("doctor", code=code)["checks"]
        return next(check for check in checks if check["check"] == "database")

    def damage(self, database, table):
        with sqlite3.connect(database) as file:
            page = file.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
        file.close()
        with open(database, "r+b") as raw:
            raw.seek((page - 1) * PAGE_BYTES)
            raw.write(os.urandom(PAGE_BYTES))

    def test_damaged_fits_do_not_keep_the_runs_from_being_saved(self):
        self.damage(self.fill(), "fit_parameters")
        out, errors = self.run_cli("runs", "list", "--study", "s", "-o", "jsonl")
        self.assertEqual(len(out.splitlines()), 540)
        self.assertIn("fits of study s are left out", errors)
        self.assertEqual(self.database_check(code=1)["status"], "problem")
        _, errors = self.run_cli("fits", "list", "--study", "s", code=64 + 15)
        self.assertIn("is damaged", errors)
        _, errors = self.run_cli("predict", "--study", "s", "--params", "1e7", "--tokens", "1e9", code=64 + 15)
        self.assertIn("fits of the study cannot be read", errors)
        server = ["--server", self.start_server(self.folder / "runs.db")]
        self.run_cli("studies", "export", "s", "--format", "jsonl", "--out", self.folder / "saved.jsonl", where=server)
        saved = self.run_json("runs", "import", self.folder / "saved.jsonl", "--study", "s", "--create-study",
                              where=["--db", self.folder / "saved.db"])
        self.assertEqual(saved["accepted"], 540)

    def test_damage_is_a_problem_that_doctor_names(self):
        database = self.fill()
        whole = database.read_bytes()
        for name, content in (("a first page of noise", os.urandom(PAGE_BYTES) + whole[PAGE_BYTES:]),
                              ("half of it", whole[:len(whole) // 2]), ("one byte less", whole[:-1]),
                              ("the header alone", whole[:100])):
            with self.subTest(name):
                database.write_bytes(content)
                check = self.database_check(code=1)
                self.assertEqual(check["status"], "problem")
                self.assertIn(str(database), check["detail"])
                self.assertNotIn("another process", check["advice"])

    def test_an_empty_file_and_a_pipe_are_said_to_be_that(self):
        database = self.folder / "runs.db"
        database.touch()
        self.assertEqual(self.database_check()["status"], "warning")
        self.assertEqual(database.stat().st_size, 0, "doctor makes nothing")
        database.unlink()
        os.mkfifo(database)
        self.assertIn("pipe", self.database_check(code=1)["detail"])
        _, errors = self.run_cli("studies", "list", code=1)
        self.assertIn("pipe", errors)

    @unittest.skipUnless(os.geteuid() == 0, "needs the right to become another user")
    def test_a_database_that_may_not_be_written_is_read(self):
        database = self.fill()
        self.folder.chmod(0o755)
        database.chmod(0o444)
        (self.folder / "runs.db.lock").unlink()

        def as_nobody(*args):
            return subprocess.run([cli_support.BIN / "sextant", *self.where, *args], capture_output=True, text=True,
                                  timeout=60, env=self.env, preexec_fn=lambda: (os.setgid(NOBODY), os.setuid(NOBODY)))
        if as_nobody("version").returncode != 0:
            self.skipTest("another user cannot reach the program")
        predicted = as_nobody("-o", "json", "predict", "--study", "s", "--params", "1e7", "--tokens", "1e9")
        self.assertEqual(predicted.returncode, 0, predicted.stderr)
        self.assertIn("learning_rate", json.loads(predicted.stdout)["predictions"][0])
        self.assertIn("opened for reading only", predicted.stderr)
        check = json.loads(as_nobody("-o", "json", "doctor").stdout)["checks"][-1]
        self.assertEqual(check["status"], "warning")
        refused = as_nobody("studies", "create", "t")
        self.assertEqual(refused.returncode, 64 + 9)
        self.assertIn("is open for reading only: ", refused.stderr)
        database.chmod(0)
        self.assertEqual(as_nobody("studies", "list").returncode, 1)

    def test_an_export_that_finds_no_room_leaves_no_file(self):
        server = ["--server", self.start_server()]
        self.make_study(where=server)
        folder = self.folder / "out"
        folder.mkdir()
        for command in (("backup", folder / "b"), ("studies", "export", "s", "--out", folder / "s"),
                        ("studies", "export", "s", "--format", "jsonl", "--out", folder / "j"),
                        ("studies", "export", "s", "--format", "csv", "--out", folder / "c")):
            done = subprocess.run([cli_support.BIN / "sextant", *server, *command], capture_output=True, text=True,
                                  env=self.env, timeout=60,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)))
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, r"cannot write .*/out/.*large(.|\n)*nothing is left of it")
            self.assertEqual(list(folder.iterdir()), [])
        self.run_cli("studies", "export", "none", "--format", "jsonl", "--out", folder / "n", where=server, code=64 + 5)
        self.assertEqual(list(folder.iterdir()), [])

    def test_a_local_import_that_finds_no_room_goes_on_later(self):
        self.run_cli("studies", "create", "s")
        rows = "".join(f"r{i},1e8,{2e9 + i},1e-3,{3 + i * 1e-5}\n" for i in range(20000))
        table = self.write("big.csv", "run_id,params_non_embedding,tokens,learning_rate,loss_nats\n" + rows)
        done = subprocess.run([cli_support.BIN / "sextant", *self.where, "runs", "import", table, "--study", "s"],
                              capture_output=True, text=True, env=self.env, timeout=60,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (800_000, 800_000)))
        self.assertEqual(done.returncode, 64 + 8, done.stderr)
        kept = self.run_json("studies", "show", "s")["run_count"]
        self.assertIn(f"{kept} runs are stored", done.stderr)
        self.assertEqual(self.run_json("runs", "import", table, "--study", "s")["accepted"], 20000)
        self.assertEqual(self.run_json("studies", "show", "s")["run_count"], 20000)

    def test_a_backup_is_not_mixed_with_the_log_of_a_killed_server(self):
        database, backup = self.folder / "server.db", self.folder / "backup.db"
        port_file = self.folder / "port"
        server = subprocess.Popen([cli_support.BIN / "sextantd", "--listen", "127.0.0.1:0", "--port-file", port_file,
                                   "--db", database], stdout=subprocess.PIPE, text=True, env=self.env)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        server.stdout.readline()  # it is ready
        where = ["--server", "127.0.0.1:" + port_file.read_text().strip()]
        self.make_study(where=where)
        self.run_cli("backup", backup, where=where)
        self.run_cli("studies", "delete", "s", "--yes", where=where)
        server.send_signal(signal.SIGKILL)
        server.wait()
        shutil.copy(backup, database)
        _, errors = self.run_cli("studies", "list", where=["--db", database], code=1)
        self.assertIn(f"Remove {database.resolve()}-wal", errors)
        pathlib.Path(f"{database}-wal").unlink()
        pathlib.Path(f"{database}-shm").unlink()
        self.assertEqual(self.run_json("studies", "show", "s", where=["--db", database])["run_count"], 540)

    def test_what_a_killed_server_left_beside_the_database_is_removed(self):
        self.make_study()
        left = self.folder / "runs.db.scratch-abcdef"
        left.mkdir()
        (left / "file.db").write_text("half")
        self.run_cli("studies", "list")
        self.assertFalse(left.exists())
        self.run_cli("backup", self.folder / "copy.db")
        self.assertEqual([path.name for path in self.folder.glob("*scratch*")], [])


if __name__ == "__main__":
    cli_support.main()
