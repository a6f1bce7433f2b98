#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Logging a training run from Python: nothing lost, nothing twice, nothing raised, whatever the server does."""
import json
import math
import os
import pathlib
import subprocess
import tempfile
import time
import unittest
import warnings

import package
import sextant
from sextant.points import Points


class LoggingTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.server = package.Server(self.folder)
        self.addCleanup(self.server.stop)

    def init(self, config=(), **options):
        config = {"params_non_embedding": 1e6, "batch_size_tokens": 8, **dict(config)}
        return sextant.init(study="mine", config=config, server=self.server.address, spool_folder=self.folder / "spool",
                            **options)

    def stored(self, run):
        runs = sextant.runs("mine", server=self.server.address)
        index = runs["run"].index(run.name)
        return {name: column[index] for name, column in runs.items()}, sextant.curve("mine", run.name,
                                                                                     server=self.server.address)

    def test_a_run_is_stored_with_its_fields_curve_and_end(self):
        self.server.start()
        run = self.init(config={"params_non_embedding": 25e6, "batch_size_tokens": 1024, "learning_rate": 1e-3,
                                "steps": 50, "data": "bytes"}, name="first")
        for step in range(1, 51):
            run.log({"loss": 5 / step, "lr": 1e-3}, step=step)
        run.log({"val_loss": 0.5}, step=50)  # joins the last point
        self.assertTrue(run.finish())
        fields, curve = self.stored(run)
        self.assertEqual(fields["state"], "FINISHED")
        self.assertEqual((fields["params_non_embedding"], fields["steps"], fields["tokens"]), (25e6, 50, 51200))
        self.assertEqual((fields["loss_nats"], fields["tags"]["loss_from"]), (0.5, "validation_loss"))
        self.assertEqual(fields["tags"]["data"], "bytes")
        self.assertEqual(list(curve["step"]), list(range(1, 51)))
        self.assertAlmostEqual(curve["train_loss"][9], 0.5, places=6)
        self.assertAlmostEqual(curve["validation_loss"][49], 0.5, places=6)
        self.assertEqual(curve["tokens"][-1], 51200)

    def test_variables_and_objectives_are_declared_logged_and_returned(self):
        self.server.start()
        objectives = {"error_rate": {"direction": "min", "floor": 0, "ceiling": 1}}
        run = sextant.init(study="mixes", config={"r": 0.25, "optimizer": "adamw", "note": "x"}, name="a",
                           variables={"r": ("share", "share of code")}, objectives=objectives,
                           server=self.server.address, spool_folder=self.folder / "spool")
        run.log({"train_loss": 3.0}, step=10)
        run.config["U"] = 2e9  # not declared: a tag
        run.summary["error_rate"] = 0.125
        run.summary["best"] = "step 10"
        self.assertTrue(run.finish(), run._sender.problem)
        self.assertEqual(sextant.declare("mixes", variables={"U": "tokens"}, server=self.server.address),
                         ["r", "U", "error_rate"])
        # A study that declares already: names alone are enough, and new ones are added.
        run = sextant.init(study="mixes", config={"r": 0.5, "U": 3e9, "P": 4}, name="b", variables={"P": "bits"},
                           server=self.server.address, spool_folder=self.folder / "spool")
        run.log({"train_loss": 2.5}, step=10)
        self.assertTrue(run.finish(loss=2.5), run._sender.problem)
        runs = sextant.runs("mixes", filter="r >= 0.25", server=self.server.address)
        self.assertEqual(runs["run"], ["a", "b"])
        self.assertEqual(runs["r"], [0.25, 0.5])
        self.assertEqual((runs["error_rate"][0], runs["U"][1], runs["P"][1]), (0.125, 3e9, 4))
        self.assertTrue(math.isnan(runs["U"][0]) and math.isnan(runs["error_rate"][1]))
        self.assertEqual((runs["tags"][0]["best"], runs["tags"][0]["U"], runs["tags"][0]["note"]),
                         ("step 10", "2000000000.0", "x"))
        studies = sextant.studies(server=self.server.address)
        at = studies["name"].index("mixes")
        self.assertEqual((studies["variables"][at], studies["objectives"][at]), (["r", "U", "P"], ["error_rate"]))
        with self.assertRaisesRegex(sextant.SextantError, "tokens"):
            sextant.declare("mixes", variables={"U": "bytes"}, server=self.server.address)
        with self.assertRaisesRegex(sextant.SextantError, "direction"):
            sextant.declare("mixes", objectives={"x": "up"}, server=self.server.address)

    def test_the_spool_of_a_declaring_study_keeps_its_values(self):
        run = sextant.init(study="mixes", config={"r": 0.25}, name="alone", variables={"r": "share"},
                           objectives={"error_rate": "min"}, server=self.server.address, spool_folder=self.folder / "spool")
        run.log({"train_loss": 3.0}, step=1)
        run.summary["error_rate"] = 0.5
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.assertFalse(run.finish(timeout=0.3))
        cli = [package.BIN / "sextant", "--db", self.folder / "c.db", "--quiet", "-o", "json"]
        subprocess.run([*cli, "runs", "import", run.spool, "--study", "mixes", "--create-study", "--variable", "r:share",
                        "--objective", "error_rate::min"], check=True, stdout=subprocess.DEVNULL)
        shown = json.loads(subprocess.run([*cli, "runs", "show", "mixes/alone"], check=True, capture_output=True).stdout)
        self.assertEqual(shown["variables"], {"error_rate": 0.5, "r": 0.25})

    def test_kills_of_the_server_lose_nothing_and_store_nothing_twice(self):
        self.server.start()
        run = self.init()
        steps = 100_000
        started = time.perf_counter()
        spent = 0.0
        for step in range(1, steps + 1):
            before = time.perf_counter()
            run.log({"train_loss": 1 / step, "learning_rate": 1e-3}, step=step)
            spent += time.perf_counter() - before
            if step in (30_000, 60_000):
                time.sleep(0.7)  # an upload is under way
                self.server.kill()
                self.server.start()
        self.assertTrue(run.finish(timeout=60), run._sender.problem)
        _, curve = self.stored(run)
        self.assertEqual(list(curve["step"]), list(range(1, steps + 1)))
        self.assertAlmostEqual(curve["train_loss"][-1], 1 / steps, places=9)
        print(f"{steps} points logged: {1e6 * spent / steps:.2f} us each in the loop's thread, "
              f"{time.perf_counter() - started:.1f} s in all with two kills")

    def test_without_a_server_the_spool_keeps_all_and_can_be_imported(self):
        run = self.init(config={"batch_size_tokens": 1024, "params_non_embedding": 1e6}, name="alone")
        for step in range(1, 21):
            run.log({"train_loss": 4 - 0.1 * step, "grad_norm": 1.0}, step=step)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.assertFalse(run.finish(timeout=0.5))
        self.assertIn("sextant runs import", str(caught[-1].message))
        database = self.folder / "b.db"
        subprocess.run([package.BIN / "sextant", "--db", database, "--quiet", "studies", "create", "mine"], check=True,
                       stdout=subprocess.DEVNULL)
        done = subprocess.run([package.BIN / "sextant", "--db", database, "--quiet", "-o", "json", "runs", "import",
                               run.spool, "--study", "mine"], check=True, capture_output=True, text=True)
        self.assertEqual(json.loads(done.stdout)["accepted"], 1, done.stdout)
        shown = subprocess.run([package.BIN / "sextant", "--db", database, "-o", "json", "runs", "show", "mine/alone"],
                               check=True, capture_output=True, text=True)
        stored = json.loads(shown.stdout)
        self.assertEqual((stored["curve_point_count"], stored["params_non_embedding"]), (20, 1e6))

    def test_an_upload_begins_when_the_server_comes(self):
        run = self.init()
        run.log({"train_loss": 2.0}, step=1)
        time.sleep(0.6)
        self.server.start()
        run.log({"train_loss": 1.0}, step=2)
        self.assertTrue(run.finish(timeout=30), run._sender.problem)
        self.assertEqual(list(self.stored(run)[1]["step"]), [1, 2])

    def test_what_the_server_refuses_is_a_warning(self):
        self.server.start()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run = self.init(config={"params_non_embedding": -5})
            run.log({"train_loss": 2.0}, step=1)
            run.log({"train_loss": 2.0}, step=2)
            self.assertFalse(run.finish(timeout=5))
        self.assertTrue(any("params_non_embedding" in str(warning.message) for warning in caught),
                        [str(warning.message) for warning in caught])
        self.assertIn('"train_loss": 2.0', run.spool.read_text())

    def test_odd_values_never_raise(self):
        self.server.start()
        run = self.init()
        run.log({"train_loss": math.nan, "text": "x", "object": object(), "nested": {"a": 1}}, step=1)
        run.log({"train_loss": "1.5", "learning_rate": None}, step=2)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run.log({"train_loss": 9.0}, step=1)  # goes back
            self.assertTrue(run.finish())
        self.assertTrue(any("went back" in str(warning.message) for warning in caught))
        _, curve = self.stored(run)
        self.assertEqual(list(curve["step"]), [1, 2])
        self.assertTrue(math.isnan(curve["train_loss"][0]))

    def test_a_with_block_that_raises_leaves_a_crashed_run(self):
        self.server.start()
        with self.assertRaises(ZeroDivisionError), self.init() as run:
            run.log({"train_loss": 1.0}, step=1)
            raise ZeroDivisionError
        self.assertEqual(self.stored(run)[0]["state"], "CRASHED")

    def test_a_full_queue_drops_and_says_so(self):
        run = self.init(max_queued=10)
        run._sender._wake.wait(0)  # the thread sleeps between its looks
        for step in range(1, 10_001):
            run.log({"train_loss": 1.0}, step=step)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run.finish(timeout=0.2)
        self.assertTrue(any("dropped" in str(warning.message) for warning in caught))

    def test_a_server_of_its_own_is_started_shared_and_stopped(self):
        script = ("import package, sextant\n"
                  "run = sextant.init(study='mine', config={'params_non_embedding': 1e6, 'batch_size_tokens': 8}, name=__import__('sys').argv[1])\n"
                  "run.log({'train_loss': 1.0}, step=1)\n"
                  "assert run.finish(timeout=60), run._sender.problem\n"
                  "found = sextant.studies()\n"
                  "print(found['runs'][found['name'].index('mine')])\n")
        env = {**os.environ, "SEXTANTD": str(package.BIN / "sextantd"), "SEXTANT_DB": str(self.folder / "own.db"),
               "XDG_RUNTIME_DIR": str(self.folder), "XDG_STATE_HOME": str(self.folder), "PYTHONWARNINGS": "default"}
        env.pop("SEXTANT_SERVER", None)
        here = pathlib.Path(__file__).parent
        both = [subprocess.Popen(["/usr/bin/python3", "-c", script, name], env=env, cwd=here, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE) for name in ("a", "b")]
        for process in both:
            out, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, err)
        last = subprocess.run(["/usr/bin/python3", "-c", script, "c"], env=env, cwd=here, text=True, capture_output=True,
                              timeout=120)
        self.assertEqual(last.stdout.strip(), "3", last.stderr)


class PointsTest(unittest.TestCase):
    def test_rows_of_one_step_are_one_point_and_acknowledged_ones_are_forgotten(self):
        points = Points(batch_size_tokens=4)
        for step in (1, 2, 2, 3):
            points.add(step, {"loss": float(step)})
        points.add(3, {"val_loss": 9})
        self.assertEqual(len(points), 3)
        points.forget(2)
        part = points.slice(2, 3)
        self.assertEqual((list(part["step"]), list(part["train_loss"]), list(part["validation_loss"]),
                          list(part["tokens"])), ([3], [3.0], [9.0], [12.0]))
        self.assertNotIn("learning_rate", part)
        points.forget(3)
        self.assertEqual(len(points), 3, "the last point stays: values may still come")


if __name__ == "__main__":
    unittest.main()
