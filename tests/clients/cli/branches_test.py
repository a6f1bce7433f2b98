# SPDX-License-Identifier: Apache-2.0
"""A sweep of trunks and branches from `sextant-train` to the runs of a study."""
import json
import random
import subprocess

import cli_support
from cli_support import BIN, CliTest

SWEEP = """
name = "branches"
[data]
bytes = "text"
validation_tokens = 600
validation_windows = 8
[model]
sequence_length = 16
[curve]
points = 8
validation_points = 2
[[trunk]]
sizes = [{d_model = 64, layers = 1}]
batch_size_tokens = [64]
learning_rates = [2e-3, 4e-3]
horizons = [640, 1280, 2560]
[trunk.batches]
at = 512
tokens = 256
batch_size_tokens = [64, 128]
"""


class BranchesTest(CliTest):
    def train(self, *args):
        done = subprocess.run([str(BIN / "sextant-train"), *args], cwd=self.folder, capture_output=True, text=True,
                              timeout=cli_support.TIMEOUT_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def setUp(self):
        super().setUp()
        words = ["alpha ", "beta ", "gamma\n", "delta "]
        self.write("text", "".join(random.Random(1).choice(words) for _ in range(2000)))
        self.write("sweep.toml", SWEEP)

    def test_plan_says_what_branching_saves(self):
        lines = self.train("plan", "sweep.toml").stdout.splitlines()
        self.assertEqual(sum("horizon from" in line for line in lines), 3)
        self.assertEqual(sum("batch from 512" in line for line in lines), 2)
        self.assertRegex(lines[-1], r"12 runs in 6 packs, [\d.e+]+ FLOPs \(without trunks [\d.e+]+\)")

    def test_parents_and_branch_points_arrive_as_tags_and_trunks_stay_out_of_fits(self):
        self.train("sweep", "sweep.toml", "--cpu", "-o", "runs.jsonl")
        self.assertTrue((self.folder / "runs.jsonl.trunks").is_dir())
        answer = self.run_json("runs", "import", "runs.jsonl", "--study", "mine", "--create-study")
        self.assertEqual((answer["accepted"], answer["rejected"]), (12, 0))
        self.assertEqual(self.run_json("runs", "import", "runs.jsonl", "--study", "mine")["duplicate"], 12)

        def listed(condition):
            return self.run_json("runs", "list", "--study", "mine", "--filter", condition)
        horizons = listed('tags.branch = "horizon"')
        self.assertEqual(len(horizons), 6)
        trunks = {run["name"].split("/")[-1]: run for run in listed('tags.branch = "trunk"')}
        self.assertEqual(len(trunks), 2)
        spent = sum(run["flops"] for run in trunks.values())
        told = 0
        for run in horizons + listed('tags.branch = "batch"'):
            tags = run["tags"]
            self.assertIn(tags["parent"], trunks)
            self.assertEqual(int(tags["branch_step"]) * 64, int(tags["branch_tokens"]))
            spent += float(tags["flops_own"])
            told += float(tags["flops_own"]) + float(tags["flops_trunk_share"])
            self.assertLess(float(tags["flops_own"]), run["flops"])
        self.assertAlmostEqual(told / spent, 1, places=6)
        self.assertEqual(len(listed("labels:excluded")), 6)
        self.assertEqual(len(listed(f'tags.parent = "{next(iter(trunks))}"')), 5)
        out, err = self.run_cli("fits", "create", "--study", "mine", "--law", "lr-power-d", "-o", "json", code=None)
        self.assertIn("6 runs", out + err)

    def test_critical_batches_are_raced_from_the_checkpoint(self):
        critical, trunk_steps, trunk_batch = 8000.0, 1000, 2048
        lines = []
        for at in (1, 2):  # two checkpoints, the second with half the loss to race through
            before, branch_tokens = at * trunk_steps, at * trunk_steps * trunk_batch
            for batch in (1024, 2048, 4096, 8192, 16384, 32768):
                steps = 2**25 // batch
                own = [max(1, steps * i // 60) for i in range(1, 61)]
                worth = [step / (1 + critical / batch) for step in own]  # steps at a batch without end
                loss = [4.0] * 20 + [1.5 + 2.5 / at * (1 + x / 40) ** -0.3 for x in worth]
                step = [before * i // 20 for i in range(1, 21)] + [before + s for s in own]
                tokens = [s * trunk_batch for s in step[:20]] + [branch_tokens + s * batch for s in own]
                lines.append(json.dumps({
                    "run_id": f"b{at}-{batch}", "params_non_embedding": 1e6, "tokens": tokens[-1], "learning_rate": 1e-3,
                    "batch_size_tokens": batch, "steps": step[-1], "loss_nats": loss[-1], "state": "FINISHED",
                    "schedule": "constant", "labels": ["excluded"],
                    "tags": {"branch": "batch", "branch_step": str(before), "branch_tokens": str(branch_tokens)},
                    "curve": {"step": step, "tokens": tokens, "train_loss": loss}}))
        self.write("race.jsonl", "\n".join(lines) + "\n")
        self.run_cli("runs", "import", "race.jsonl", "--study", "race", "--create-study")
        answer = self.run_json("critical-batch", "estimate", "--study", "race", "--where",
                               'tags.branch = "batch" AND labels:excluded')
        self.assertEqual({cell["group"] for cell in answer["cells"]},
                         {"branched at 2.048e+06 tokens", "branched at 4.096e+06 tokens"})
        for cell in answer["cells"]:
            found = [e for e in cell["estimates"] if e["definition"] == "hyperbola" and "batch_size_tokens" in e]
            self.assertTrue(found, cell)
            self.assertAlmostEqual(found[0]["batch_size_tokens"]["value"] / critical, 1, delta=0.1)


if __name__ == "__main__":
    cli_support.main()
