#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The forecast ledger and runs in flight, as a script drives them: embedded and through a server."""
import json
import math
import signal
import subprocess
import time

import cli_support
from cli_support import CliTest

PARAMS, TOKENS = 2e8, 2e10
STEPS = 1000


def big_runs(best, prefix="big", loss=2.5):
    """A sweep of rates at the target, as a table."""
    lines = ["run_id,params_non_embedding,tokens,learning_rate,batch_size_tokens,loss_nats"]
    for i in range(-2, 3):
        lines.append(f"{prefix}{i + 2},{PARAMS},{TOKENS},{best * 2.0 ** i},65536,{loss * (1 + 0.01 * i * i)}")
    return "\n".join(lines) + "\n"


def flying(steps, state="running", last=None):
    """A run in flight, as JSON lines."""
    points = list(range(10, steps + 1, 10))
    losses = [2 + 5 * s ** -0.4 for s in points]
    if last is not None:
        losses[-1] = last
    return json.dumps({"run_id": "fly", "params_non_embedding": 1e8, "tokens": STEPS * 65536.0, "learning_rate": 1e-3,
                       "batch_size_tokens": 65536, "steps": STEPS, "schedule": "constant", "state": state,
                       "loss_nats": losses[-1] if math.isfinite(losses[-1]) else None,
                       "curve": {"step": points, "train_loss": losses}}) + "\n"


class ForecastTest(CliTest):
    def setUp(self):
        super().setUp()
        self.make_study("s")
        self.run_cli("fits", "create", "--study", "s", "--law", "lr-power-nd", "--estimator", "band", "--bootstrap", "100")

    def create(self, *args, **kwargs):
        return self.run_json("forecasts", "create", "--study", "s", "--params", PARAMS, "--tokens", TOKENS, *args, **kwargs)

    def predict(self):
        return self.run_json("predict", "--study", "s", "--params", PARAMS, "--tokens", TOKENS)["predictions"][0]

    def import_runs(self, text, name="more.csv"):
        self.run_cli("runs", "import", self.write(name, text), "--study", "s")

    def test_a_forecast_is_kept_shown_and_deleted(self):
        said = self.predict()
        made = self.create("--id", "first")
        self.assertEqual(made["name"], "studies/s/forecasts/first")
        self.assertEqual(made["prediction"]["learning_rate"], said["learning_rate"])
        self.assertEqual(made["sources"][0]["name"], said["fits"][0])
        self.assertEqual(len(made["seal"]), 64)
        self.assertFalse(made["seal_broken"])
        self.assertEqual(self.run_json("forecasts", "show", "s/first"), made)
        self.assertEqual(self.run_json("forecasts", "list", "--study", "s"), [made])
        table, _ = self.run_cli("forecasts", "list", "--study", "s")
        self.assertIn("first", table)
        dry = self.create("--id", "dry", "--dry-run")
        self.assertEqual(dry["name"], "studies/s/forecasts/dry")
        self.assertEqual(len(self.run_json("forecasts", "list", "--study", "s")), 1)
        self.run_cli("forecasts", "create", "--study", "s", "--params", PARAMS, "--tokens", TOKENS, "--id", "first", code=70)
        self.run_cli("forecasts", "create", "--study", "s", code=2)
        self.run_cli("forecasts", "delete", "s/first", code=2)
        self.run_cli("forecasts", "delete", "s/first", "--yes")
        self.run_cli("forecasts", "show", "s/first", code=69)

    def test_scores_say_what_held(self):
        rate = self.create("--id", "f")["prediction"]["learning_rate"]["value"]
        self.import_runs(big_runs(rate))
        scored = self.run_json("forecasts", "score", "--study", "s")
        self.assertEqual((scored["scored"], scored["covered"], scored["nominal"]), (1, 1, 0.9))
        self.assertEqual(scored["forecasts"][0]["scores"][0]["verdict"], "inside")
        self.assertAlmostEqual(scored["mean_bias"], 0, places=9)
        table, _ = self.run_cli("forecasts", "score", "--study", "s")
        self.assertIn("1 of 1: 100 %", table)
        csv, _ = self.run_cli("-o", "csv", "forecasts", "score", "--study", "s")
        self.assertTrue(csv.startswith("forecast,quantity,run,actual,error,verdict"))
        self.assertEqual(self.run_json("forecasts", "show", "s/f")["scores"][0]["run"], "studies/s/runs/big2")

    def test_a_fit_whose_forecasts_fail_is_flagged_in_predict(self):
        rate = self.create("--id", "a")["prediction"]["learning_rate"]["value"]
        self.create("--id", "b")
        self.import_runs(big_runs(50 * rate))
        self.assertFalse(any("forecasts fail" in w for w in self.predict()["warnings"]))
        self.run_cli("forecasts", "score", "--study", "s", "--dry-run")
        self.assertFalse(any("forecasts fail" in w for w in self.predict()["warnings"]), "a dry run records nothing")
        self.run_cli("forecasts", "score", "--study", "s")
        self.assertTrue(any("forecasts fail" in w for w in self.predict()["warnings"]))

    def test_runs_that_were_there_before_are_no_test(self):
        self.import_runs(big_runs(1e-3))
        self.create("--id", "late")
        scored = self.run_json("forecasts", "score", "--study", "s")
        self.assertEqual(scored["scored"], 0)
        self.assertEqual(len(scored["forecasts"][0]["not_counted"]), 5)
        self.assertIn("before", scored["forecasts"][0]["not_counted"][0]["reason"])

    def test_an_exported_study_takes_its_forecasts_along(self):
        made = self.create("--id", "f")
        self.run_cli("studies", "export", "s", "--out", "s.db")
        self.run_cli("studies", "import", "s.db", "--id", "copy")
        copy = self.run_json("forecasts", "show", "copy/f")
        self.assertEqual(copy["seal"], made["seal"])
        self.assertFalse(copy["seal_broken"])
        self.assertEqual(copy["prediction"], made["prediction"])

    def test_hostile_names_are_refused(self):
        for name in ("x" * 100_000, "a\nb", "\x1b[31m", "../etc", "UPPER", ""):
            _, error = self.run_cli("forecasts", "show", name, "--study", "s", code=None)
            self.assertNotIn("\x1b", error)
            if name:
                self.run_cli("forecasts", "create", "--study", "s", "--params", PARAMS, "--tokens", TOKENS, "--id", name, code=67)


class WatchTest(CliTest):
    def watch(self, *args, where):
        command = [str(cli_support.BIN / "sextant"), *where, "-o", "jsonl", "runs", "watch", "s/fly", *args]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.communicate()

    def put(self, text, where):
        self.run_cli("runs", "import", self.write(f"fly-{time.monotonic_ns()}.jsonl", text), "--study", "s", where=where)

    def follow(self, where):
        self.run_cli("studies", "create", "s", where=where)
        self.put(flying(300), where)
        once = self.run_json("runs", "watch", "s/fly", "--once", where=where)
        self.assertEqual((once["state"], once["points"], once["step"]), ("RUNNING", 30, 300))
        self.assertAlmostEqual(once["share_done"], 0.3)
        process = self.watch("--every", "0.1", where=where)
        self.assertEqual(json.loads(process.stdout.readline())["points"], 30)
        self.put(flying(600), where)
        self.assertEqual(json.loads(process.stdout.readline())["points"], 60)
        self.put(flying(STEPS, "finished"), where)
        last = json.loads(process.stdout.readline())
        self.assertEqual(last["state"], "FINISHED")
        self.assertEqual(process.wait(60), 0)

    def test_a_run_is_followed_through_a_server(self):
        self.follow(["--server", self.start_server()])

    def test_a_run_is_followed_in_a_file_that_others_write(self):
        self.follow(self.where)

    def test_a_file_that_a_server_has_open_can_be_watched(self):
        database = self.folder / "held.db"
        where = ["--server", self.start_server(database)]
        self.run_cli("studies", "create", "s", where=where)
        self.put(flying(300), where)
        self.assertEqual(self.run_json("runs", "watch", "s/fly", "--once", where=["--db", str(database)])["points"], 30)

    def test_alerts_are_printed(self):
        self.run_cli("studies", "create", "s")
        self.put(flying(300, last=40.0).replace("40.0", "NaN"), self.where)
        out, _ = self.run_cli("runs", "watch", "s/fly", "--once")
        self.assertIn("ALERT diverged", out)

    def test_ctrl_c_ends_a_watch(self):
        for where in (self.where, ["--server", self.start_server()]):
            self.run_cli("studies", "create", "s", where=where)
            self.put(flying(300), where)
            process = self.watch(where=where)
            self.assertTrue(process.stdout.readline())
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130)
            self.assertLess(time.monotonic() - begin, 9, "before the program would be ended by force")

    def test_what_is_not_there_is_said(self):
        self.run_cli("runs", "watch", "s/none", "--once", code=None)
        self.run_cli("studies", "create", "s")
        self.run_cli("runs", "watch", "s/none", "--once", code=69)
        self.run_cli("runs", "watch", "none", code=2)
        self.run_cli("runs", "watch", "s/none", "--every", "0.01", code=2)


if __name__ == "__main__":
    cli_support.main()
