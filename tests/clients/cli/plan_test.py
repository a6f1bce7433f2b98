# SPDX-License-Identifier: Apache-2.0
"""`sextant plan`: published allocations, constraints, refusals, and a study's own fits."""
import json

import cli_support
from cli_support import CliTest


class PlanTest(CliTest):
    def plan(self, *args):
        return self.run_json("plan", *args)["plans"]

    def test_published_allocations(self):
        # Hoffmann et al. 2022 approach 3 and Besiroglu et al. 2024 at 5.76e23 FLOPs.
        for law, params, tokens in (("chinchilla-a3", 3.218985915e10, 2.982305687e12),
                                    ("chinchilla-epoch", 7.235645839e10, 1.326764772e12)):
            (plan,) = self.plan("--flops", "5.76e23", "--law", law)
            self.assertAlmostEqual(plan["params"]["value"] / params, 1, places=6)
            self.assertAlmostEqual(plan["tokens"]["value"] / tokens, 1, places=6)
            self.assertEqual(plan["source"], law)

    def test_machines_and_constraints(self):
        (plan,) = self.plan("--gpus", "64", "--days", "30", "--gpu-flops", "989e12", "--mfu", "0.4", "--law",
                            "chinchilla-epoch")
        self.assertAlmostEqual(plan["gpu_hours"], 64 * 720, delta=1)
        self.assertAlmostEqual(plan["wall_days"], 30, places=6)
        self.assertLess(plan["valley"]["params_low"], plan["params"]["value"])
        (limited,) = self.plan("--flops", "1e22", "--unique-tokens", "25B", "--law", "muennighoff")
        self.assertAlmostEqual(limited["params"]["value"] / 7022364735.88, 1, delta=0.02)
        (served,) = self.plan("--target-loss", "2.2", "--inference-tokens", "2T", "--law", "chinchilla-epoch")
        (free,) = self.plan("--target-loss", "2.2", "--law", "chinchilla-epoch")
        self.assertLess(served["params"]["value"], free["params"]["value"])

    def test_without_a_source_every_published_loss_law_answers(self):
        plans = self.plan("--flops", "1e21")
        sources = [plan["source"] for plan in plans]
        for law in ("chinchilla-epoch", "chinchilla-a3", "muennighoff"):
            self.assertIn(law, sources)

    def test_rates_and_batches_join_a_plan(self):
        (plan,) = self.plan("--flops", "1e21", "--law", "chinchilla-epoch", "--law", "step-law-lr", "--law", "step-law-bs")
        self.assertGreater(plan["learning_rate"]["value"], 0)
        self.assertAlmostEqual(plan["steps"], plan["tokens"]["value"] / plan["batch_size_tokens"]["value"])
        (capped,) = self.plan("--flops", "1e21", "--law", "chinchilla-epoch", "--law", "step-law-bs",
                              "--max-batch-tokens", "100K")
        self.assertEqual(capped["batch_size_tokens"]["value"], 1e5)

    def test_a_study_plans_with_its_own_fits(self):
        runs = self.folder / "runs.csv"
        rows = ["N,D,lr,batch,loss"]
        for i, params in enumerate((1e7, 3e7, 1e8, 3e8)):
            for j, tokens in enumerate((2e8, 1e9, 5e9, 2e10)):
                loss = 1.8 + 480 / params**0.35 + 2000 / tokens**0.365 + 0.001 * ((3 * i + 5 * j) % 7 - 3)
                rows.append(f"{params},{tokens},1e-3,131072,{loss}")
        runs.write_text("\n".join(rows) + "\n")
        self.run_cli("runs", "import", str(runs), "--study", "mine", "--create-study", "--map", "params_non_embedding=N",
                     "--map", "tokens=D", "--map", "learning_rate=lr", "--map", "batch_size_tokens=batch", "--map",
                     "loss_nats=loss")
        self.run_cli("fits", "create", "--study", "mine", "--law", "loss-chinchilla", "--bootstrap", "200")
        (plan,) = self.plan("--flops", "1e20", "--study", "mine")
        self.assertIn("studies/mine/fits/", plan["source"])
        truth = (0.35 * 480 / (0.365 * 2000)) ** (1 / 0.715) * (1e20 / 6) ** (0.365 / 0.715)
        self.assertTrue(plan["params"]["low"] < truth < plan["params"]["high"], (plan["params"], truth))
        table, _ = self.run_cli("plan", "--flops", "1e20", "--study", "mine")
        self.assertIn("tokens per parameter", table)
        self.assertIn("Other sizes at the same FLOPs", table)

    def test_refusals_name_the_constraint(self):
        for args, word in ((["--flops", "0"], "flops"), (["--flops", "-1"], "flops"), ([], "budget"),
                           (["--gpus", "8", "--days", "3"], "days"), (["--flops", "1e21", "--target-loss", "2"], "budget"),
                           (["--params", "1e9", "--max-params", "1e8"], "max_params")):
            _, err = self.run_cli("plan", *args, "--law", "chinchilla-epoch", code=64 + 3)
            self.assertIn(word, err)
        for args, word in ((["--target-loss", "1.5"], "target_loss"), (["--flops", "100"], "flops")):
            _, err = self.run_cli("plan", *args, "--law", "chinchilla-epoch", code=4)
            self.assertIn(word, err)
        _, err = self.run_cli("plan", "--flops", "1e32", "--law", "chinchilla-epoch")
        self.assertIn("a guess, not a forecast", err)


if __name__ == "__main__":
    cli_support.main()
