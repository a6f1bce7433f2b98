# SPDX-License-Identifier: Apache-2.0
"""A sweep of trunks and branches from `sextant-train` to the runs of a study."""
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


if __name__ == "__main__":
    cli_support.main()
