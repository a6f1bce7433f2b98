# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C: the call is cancelled, what is committed stays, exit code 130."""
import signal
import subprocess
import time

import cli_support
from cli_support import CliTest


class InterruptTest(CliTest):
    def start(self, *args, where):
        command = [str(cli_support.BIN / "sextant"), *where, *map(str, args)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=self.env)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.communicate()

    def interrupt(self, process):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        return out, err

    def long_fit(self, where):
        self.run_cli("studies", "create", "s", where=where)
        self.run_cli("runs", "import", self.write("s.csv", cli_support.sweep_csv()), "--study", "s", where=where)
        return self.start("fits", "create", "--study", "s", "--law", "lr-power-nd", "--estimator", "band", "--bootstrap",
                          "100000", "--id", "long", where=where)

    def wait_for_fit(self, where):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            fits = self.run_json("fits", "list", "--study", "s", where=where)
            if fits:
                return fits[0]
            time.sleep(0.01)
        self.fail("the fit did not start")

    def test_an_interrupted_fit_is_cancelled_on_the_server(self):
        where = ["--server", self.start_server()]
        process = self.long_fit(where)
        if self.wait_for_fit(where)["state"] != "FIT_RUNNING":
            self.skipTest("the fit ended before it could be interrupted")
        self.interrupt(process)
        deadline = time.monotonic() + 60
        while (fit := self.wait_for_fit(where))["state"] == "FIT_RUNNING" and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertIn(fit["state"], ("FIT_CANCELLED", "FIT_SUCCEEDED"))

    def test_an_interrupted_import_from_a_pipe_keeps_what_was_committed(self):
        where = ["--server", self.start_server()]
        self.run_cli("studies", "create", "s", where=where)
        process = self.start("runs", "import", "-", "--study", "s", where=where)
        process.stdin.write("run_id,params_total,params_non_embedding,tokens\n")
        for number in range(20000):
            process.stdin.write(f"r{number},1e6,1e6,1e9\n")
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while self.run_json("studies", "show", "s", where=where)["run_count"] == 0:
            self.assertLess(time.monotonic(), deadline, "nothing was committed")
            time.sleep(0.05)
        self.interrupt(process)
        self.assertGreater(self.run_json("studies", "show", "s", where=where)["run_count"], 0)

    def test_an_interrupted_embedded_command_leaves_a_sound_database(self):
        process = self.long_fit(self.where)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (130, 0))
        self.assertEqual(self.run_json("studies", "show", "s")["name"], "studies/s")
        for fit in self.run_json("fits", "list", "--study", "s"):
            self.assertNotEqual(fit["state"], "FIT_RUNNING")

    def test_an_import_that_was_killed_goes_on_where_it_stopped(self):
        where = ["--server", self.start_server()]
        self.run_cli("studies", "create", "s", where=where)
        rows = "".join(f"r{n},1e6,{n + 1}e6\n" for n in range(60000))
        path = self.write("many.csv", "run_id,params_non_embedding,tokens\n" + rows)
        process = self.start("runs", "import", path, "--study", "s", where=where)
        deadline = time.monotonic() + 60
        while self.run_json("studies", "show", "s", where=where)["run_count"] == 0 and time.monotonic() < deadline:
            if process.poll() is not None:
                break
        process.kill()
        process.communicate()
        if self.run_json("studies", "show", "s", where=where)["run_count"] == 60000:
            self.skipTest("the import ended before it could be killed")
        out, err = self.run_cli("-o", "json", "runs", "import", path, "--study", "s", where=where)
        self.assertRegex(err, r"going on with an interrupted import at chunk \d+")
        self.assertEqual(self.run_json("studies", "show", "s", where=where)["run_count"], 60000)


if __name__ == "__main__":
    cli_support.main()
