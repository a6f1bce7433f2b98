# SPDX-License-Identifier: Apache-2.0
"""Trajectories both ways, scores over workloads and batches by the norm test. Formulas here are written by hand."""
import json
import math
import random

import cli_support
from cli_support import CliTest

# Kaplan et al. 2020.
N_C, ALPHA_N, S_C, ALPHA_S, B_STAR, ALPHA_B = 6.5e13, 0.077, 2.1e3, 0.76, 2e8, 0.21
CONSTANTS = [flag for name, value in (("N_c", N_C), ("alpha_N", ALPHA_N), ("S_c", S_C), ("alpha_S", ALPHA_S),
                                      ("B_star", B_STAR), ("alpha_B", ALPHA_B)) for flag in ("--parameter", f"{name}={value}")]


def steps_to(loss, n, b):
    least = S_C * (loss - (N_C / n) ** ALPHA_N) ** (-1 / ALPHA_S)
    return least * (1 + B_STAR / loss ** (1 / ALPHA_B) / b)


def loss_after(n, s, b):
    low, high = (N_C / n) ** ALPHA_N, 1e3
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if middle == low or steps_to(middle, n, b) > s else (low, middle)
    return (low + high) / 2


class BatchRulesTest(CliTest):
    def test_a_fitted_trajectory_answers_both_ways(self):
        self.run_cli("studies", "create", "t")
        rng = random.Random(1)
        runs = []
        for n in (1e7, 4e7, 1.6e8):
            for b in (6.4e4, 2.56e5, 1.024e6):
                steps = [int(200 * 1.3 ** k) for k in range(18)]
                losses = [loss_after(n, s, b) * math.exp(0.001 * rng.gauss(0, 1)) for s in steps]
                runs.append(json.dumps({"run_id": f"{n:g}-{b:g}", "params_non_embedding": n, "tokens": b * steps[-1],
                                        "batch_size_tokens": b, "loss_nats": losses[-1],
                                        "curve": {"step": steps, "train_loss": losses}}))
        self.run_cli("runs", "import", self.write("t.jsonl", "\n".join(runs) + "\n"), "--study", "t")
        self.run_cli("fits", "create", "--study", "t", "--law", "loss-trajectory", "--id", "f", "--bootstrap", "60")
        ask = ("critical-batch", "trajectory", "--fit", "t/f", "--params", "3e8", "--batch-tokens", "5e5")
        truth = loss_after(3e8, 2e4, 5e5)
        row = self.run_json(*ask, "--steps", "2e4")["answers"][0]
        self.assertAlmostEqual(row["loss"]["value"] / truth, 1, delta=0.01)
        self.assertTrue(row["loss"]["low"] < row["loss"]["value"] < row["loss"]["high"], row)
        self.assertEqual((row["steps"]["value"], row["tokens"]["value"]), (2e4, 1e10))
        row = self.run_json(*ask, "--loss", repr(truth))["answers"][0]
        self.assertAlmostEqual(row["steps"]["value"] / 2e4, 1, delta=0.15)
        self.assertTrue(row["steps"]["low"] < row["steps"]["value"] < row["steps"]["high"], row)
        self.assertAlmostEqual(row["tokens"]["value"] / row["steps"]["value"] / 5e5, 1, places=9)
        self.assertAlmostEqual(row["critical_batch"]["value"] / (B_STAR / truth ** (1 / ALPHA_B)), 1, delta=0.3)
        self.assertIn("CRITICAL BATCH", self.run_cli(*ask, "--loss", "3")[0])

    def test_constants_may_be_given(self):
        ask = ("critical-batch", "trajectory", "--law", "loss-trajectory", *CONSTANTS, "--params", "1e9")
        rows = self.run_json(*ask, "--loss", "3", "--loss", "2.3")["answers"]
        critical = B_STAR / 3 ** (1 / ALPHA_B)
        self.assertAlmostEqual(rows[0]["critical_batch"]["value"], critical, delta=1)  # 1 069 114
        self.assertAlmostEqual(rows[0]["batch_size_tokens"]["value"], critical, delta=1)
        self.assertAlmostEqual(rows[0]["steps"]["value"] / steps_to(3, 1e9, critical), 1, places=9)
        self.assertAlmostEqual(rows[0]["min_steps"]["value"] * 2 / rows[0]["steps"]["value"], 1, places=9)
        self.assertIn("best", rows[1]["reason"])
        row = self.run_json(*ask, "--steps", "1e5", "--batch-tokens", "2e6")["answers"][0]
        self.assertAlmostEqual(row["loss"]["value"], loss_after(1e9, 1e5, 2e6), places=8)
        _, error = self.run_cli(*ask, "--steps", "1e5", code=64 + 3)
        self.assertIn("batch_sizes_tokens", error)
        _, error = self.run_cli("critical-batch", "trajectory", "--law", "loss-chinchilla", "--params", "1e9", "--loss", "3",
                                code=None)
        self.assertIn("parameters", error)

    def test_submissions_are_scored_over_workloads(self):
        table = self.write("times.csv", "workload,optimizer,steps\na,adam,100\na,sgd,200\nb,adam,300\nb,sgd,100\n"
                                        "c,adam,50\nc,sgd,\nc,adam,500\nd,adam,1000\nd,sgd,100\n")
        ask = ("critical-batch", "score", "--table", table, "--submission", "optimizer", "--time", "steps")
        rows = self.run_json(*ask)["submissions"]
        self.assertEqual([row["submission"] for row in rows], ["sgd", "adam"])
        self.assertAlmostEqual(rows[0]["score"], 8 / 12)
        self.assertAlmostEqual(rows[1]["score"], 7 / 12)
        self.assertEqual([(p["ratio"], p["share"]) for p in rows[1]["profile"]], [(1, 0.5), (3, 0.75), (4, 0.75)])
        self.assertNotIn("time", rows[0]["workloads"][2])
        self.assertIn("never", self.run_cli(*ask)[0])
        rows = self.run_json(*ask, "--r-max", "11")["submissions"]  # adam: (10 + 8 + 10 + 1) / 40
        self.assertEqual([(row["submission"], round(row["score"], 6)) for row in rows], [("adam", 0.725), ("sgd", 0.725)])
        _, error = self.run_cli("critical-batch", "score", "--table", table, code=64 + 3)
        self.assertIn("submission", error)
        self.assertIn("time", error)

    def test_batches_follow_the_recorded_noise(self):
        self.run_cli("studies", "create", "n")
        steps = list(range(10, 1001, 10))
        noise = [1000 + 50 * s for s in steps]
        run = {"run_id": "a", "params_non_embedding": 1e7, "tokens": 1000 * 1024, "batch_size_tokens": 1024, "loss_nats": 3,
               "curve": {"step": steps, "tokens": [1024 * s for s in steps], "train_loss": [5 - s / 500 for s in steps],
                         "gradient_noise_scale": noise}}
        bare = dict(run, run_id="b", curve={"step": steps, "train_loss": [3.0] * 100})
        path = self.write("n.jsonl", json.dumps(run) + "\n" + json.dumps(bare) + "\n")
        self.run_cli("runs", "import", path, "--study", "n")
        plan = self.run_json("critical-batch", "ramp", "n/a", "--eta", "1", "--largest", "30000", "--multiple", "1024")
        batch, stages = 1024, [(0, 1024)]
        for step, scale in zip(steps, noise):
            wanted = min(30000, 1024 * math.ceil(scale / 1024))
            if wanted > batch:
                batch = wanted
                stages.append((1024 * step, batch))
        self.assertEqual([(s["from_tokens"], s["batch_size_tokens"]) for s in plan["stages"]], stages)
        self.assertLess(plan["steps"], 200)
        self.assertAlmostEqual(plan["steps_of_first_batch"], 1000)
        self.assertTrue(plan["warnings"])
        stages = self.run_json("critical-batch", "ramp", "n/a", "--eta", "0.5")["stages"]
        self.assertEqual(stages[-1]["batch_size_tokens"], math.ceil(noise[-1] / 0.25))
        _, error = self.run_cli("critical-batch", "ramp", "n/b", "--eta", "0.5", code=None)
        self.assertIn("noise scale", error)
        self.run_cli("critical-batch", "ramp", "n/a", "--eta", "0", code=64 + 3)


if __name__ == "__main__":
    cli_support.main()
