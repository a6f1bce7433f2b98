# SPDX-License-Identifier: Apache-2.0
"""Embedded and --server print the same, byte for byte, but for names, ids and times."""
import cli_support
from cli_support import CliTest, normalized


class ModesTest(CliTest):
    def script(self, where):
        """Everything a user does with a study, in every format; returns the transcript."""
        sweep = self.write("sweep.csv", cli_support.sweep_csv(rates=5, batches=3))
        bad = self.write("bad.csv", "params_non_embedding,tokens\n-1,2\n")
        curves = self.write("curves.csv", "run_id,step,train_loss\nr0-0-0-0,1,5.5\nr0-0-0-0,2,5.25\n")
        commands = [
            (0, "studies", "create", "s", "--title", "T", "-o", "json"),
            (0, "runs", "import", sweep, "--curves", curves, "--study", "s", "-o", "json"),
            (0, "runs", "import", sweep, "--study", "s", "-o", "json"),
            (3, "runs", "import", bad, "--study", "s", "--strict"),
            (0, "studies", "show", "s", "-o", "json"),
            (0, "studies", "list"),
            (0, "runs", "list", "--study", "s", "-o", "csv", "--fields", "name,tokens,learning_rate,loss_nats,state"),
            (0, "runs", "show", "s/r0-0-0-0", "-o", "json"),
            (0, "runs", "curve", "s/r0-0-0-0", "-o", "csv"),
            (0, "fits", "create", "--study", "s", "--law", "lr-power-nd", "--estimator", "band", "--band", "0.01", "--bootstrap",
             "100", "--seed", "7", "--id", "rate", "-o", "json"),
            (0, "fits", "create", "--study", "s", "--law", "batch-power-d", "--estimator", "band", "--band", "0.01",
             "--bootstrap", "100", "--id", "batch"),
            (0, "fits", "list", "--study", "s", "-o", "json"),
            (0, "predict", "--study", "s", "--params", "1B", "--tokens", "20B", "-o", "json"),
            (0, "predict", "--study", "s", "--params", "1B", "--tokens", "20B"),
            (0, "predict", "--params", "1B", "--tokens", "20B", "-o", "json"),
            (0, "predict", "--params", "1B", "--tokens", "20B"),
            (4, "predict", "--study", "s", "--params", "1e13", "--tokens", "20T", "--max-extrapolation", "2"),
            (64 + 5, "predict", "--study", "none", "--params", "1B", "--tokens", "20B"),
            (64 + 3, "runs", "list", "--study", "s", "--filter", "((("),
            (64 + 6, "studies", "create", "s"),
            (0, "laws", "list", "-o", "tsv"),
            (0, "laws", "show", "step-law-lr", "-o", "json"),
            (0, "studies", "delete", "s", "--yes"),
        ]
        transcript = []
        for code, *args in commands:
            out, err = self.run_cli(*args, code=code, where=where)
            transcript.append((" ".join(map(str, args)), normalized(out), normalized(err)))
        return transcript

    def test_same_output(self):
        server = self.start_server()
        embedded = self.script(self.where)
        remote = self.script(["--server", server])
        for (command, out, err), (_, remote_out, remote_err) in zip(embedded, remote):
            with self.subTest(command=command):
                self.assertEqual(out, remote_out)
                self.assertEqual(err, remote_err)

    def test_a_database_in_use_suggests_the_server(self):
        database = self.folder / "shared.db"
        self.start_server(database)
        _, err = self.run_cli("studies", "list", where=["--db", str(database)], code=1)
        self.assertIn("--server", err)


class DoctorTest(CliTest):
    def checks(self, *args, **kwargs):
        return {c["check"]: c for c in self.run_json("doctor", *args, **kwargs)["checks"]}

    def test_a_database_that_is_not_there_is_not_made(self):
        self.assertIn("not there yet", self.checks()["database"]["detail"])
        self.assertFalse((self.folder / "runs.db").exists())

    def test_a_sound_database(self):
        self.run_cli("studies", "create", "s")
        check = self.checks()["database"]
        self.assertEqual(check["status"], "ok")
        self.assertIn("integrity ok", check["detail"])
        out, _ = self.run_cli("doctor")
        self.assertIn("CHECK", out)

    def test_a_file_that_is_no_database(self):
        self.write("runs.db", "this is not a database, but it is long enough to look like a header\n" * 10)
        self.assertEqual(self.checks(code=1)["database"]["status"], "problem")
        self.run_cli("studies", "list", code=1)

    def test_a_folder_that_cannot_be_made(self):
        self.write("file", "")
        _, err = self.run_cli("studies", "list", where=["--db", str(self.folder / "file/x.db")], code=1)
        self.assertIn("error: ", err)

    def test_why_a_server_cannot_be_reached(self):
        refused = self.checks(where=["--server", "127.0.0.1:1"], code=78)["connection"]
        self.assertIn("refused", refused["detail"])
        self.assertIn("sextantd --listen", refused["advice"])
        name = self.checks(where=["--server", "no-such-host.invalid:7433"], code=78)["connection"]
        self.assertIn("cannot resolve", name["detail"])
        self.assertIn("port", self.checks(where=["--server", "localhost"], code=78)["connection"]["detail"])
        _, err = self.run_cli("studies", "list", where=["--server", "127.0.0.1:1"], code=78)
        self.assertIn("sextant doctor --server 127.0.0.1:1", err)

    def test_a_running_server_and_a_proxy_in_the_way(self):
        server = self.start_server()
        where = ["--server", server]
        self.assertEqual(self.checks(where=where)["service"]["status"], "ok")
        env = dict(self.env, http_proxy="http://127.0.0.1:9")
        self.assertEqual(self.checks(where=where, env=env)["proxy"]["status"], "warning")
        self.run_cli("studies", "list", where=where, env=env)
        env["no_proxy"] = "127.0.0.1"
        self.assertNotIn("proxy", self.checks(where=where, env=env))

    def test_timeout(self):
        import socket
        listener = socket.socket()  # takes connections and never answers
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        where = ["--server", f"127.0.0.1:{listener.getsockname()[1]}", "--timeout", "0.5"]
        _, err = self.run_cli("studies", "list", where=where, code=64 + 4)
        self.assertIn("--timeout", err)


if __name__ == "__main__":
    cli_support.main()
