# SPDX-License-Identifier: Apache-2.0
"""`sextant plan`: published allocations, constraints, refusals, and a study's own fits."""
import subprocess

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

    def test_plans_side_by_side(self):
        plans = self.plan("--flops", "1e21", "--law", "chinchilla-epoch", "--versus", "max-params=1B", "--versus",
                          "flops=none,target-loss=2.2,inference-tokens=2T")
        self.assertEqual(len(plans), 3)
        self.assertEqual(plans[1]["params"]["value"], 1e9)
        self.assertIn("max_params 1e+09", plans[1]["constraints"])
        self.assertAlmostEqual(plans[2]["loss"]["value"], 2.2, places=9)
        table, _ = self.run_cli("plan", "--flops", "1e21", "--law", "chinchilla-epoch", "--versus", "max-params=1B")
        self.assertIn("max_params 1e+09", table.lower())
        self.assertLess(len(table.splitlines()), 40)
        for change, word in (("colour=3", "colour"), ("max-params", "max-params"), ("max-params=big", "big")):
            _, err = self.run_cli("plan", "--flops", "1e21", "--versus", change, code=2)
            self.assertIn(word, err)

    def test_formats(self):
        args = ("plan", "--flops", "1e21", "--law", "chinchilla-epoch")
        markdown, _ = self.run_cli("-o", "markdown", *args)
        self.assertIn("| parameters |", markdown.replace("  ", " ").replace("  ", " "))
        table, _ = self.run_cli("-o", "csv", *args)
        self.assertIn("source,constraints,quantity,value,low,high", table)
        self.assertTrue(any(line.startswith("chinchilla-epoch,flops 1e+21,params,") for line in table.splitlines()))

    def test_a_sweep_file_that_the_trainer_takes(self):
        trainer = cli_support.BIN / "sextant-train"
        sweep = self.folder / "run.toml"
        args = ("plan", "--flops", "1e17", "--law", "chinchilla-epoch", "--law", "step-law-lr", "--law", "step-law-bs",
                "--sequence-length", "512", "--vocabulary", "256", "--sweep", str(sweep))
        (plan,) = self.run_json(*args)["plans"]
        text = sweep.read_text()
        self.assertIn("sequence_length = 512", text)
        _, err = self.run_cli("plan", "--flops", "1e17", "--law", "chinchilla-epoch", "--sweep", "-", code=1)
        self.assertIn("learning rate", err)
        _, err = self.run_cli("plan", "--flops", "1e24", "--law", "chinchilla-epoch", "--law", "step-law-lr", "--law",
                              "step-law-bs", "--sweep", "-", code=1)
        self.assertIn("sextant-train makes no model", err)
        if not trainer.exists():
            self.skipTest("sextant-train is not built")
        (self.folder / "text").write_bytes(bytes(range(256)) * 20000)
        subprocess.run([str(trainer), "tokens", "encode", str(self.folder / "text"), "--tokenizer", "bytes", "-o",
                        str(self.folder / "text.tok")], check=True, capture_output=True, cwd=self.folder)
        done = subprocess.run([str(trainer), "plan", str(sweep)], capture_output=True, text=True, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + text)
        self.assertGreater(plan["steps"], 1)

    def test_ramps_follow_the_critical_batch(self):
        args = ("--flops", "1e21", "--law", "chinchilla-epoch", "--law", "step-law-lr", "--law", "step-law-bs", "--ramp")
        (plan,) = self.plan(*args, "--law", "kaplan-bcrit")
        if "ramp" in plan:
            stages = plan["ramp"]["stages"]
            self.assertAlmostEqual(stages[-1]["to_tokens"], plan["tokens"]["value"])
            for stage in stages:
                self.assertLessEqual(stage["batch_size_tokens"], stage["critical_batch_size_tokens"] * (1 + 1e-6))
        else:
            self.assertTrue(any("no batch ramp" in line for line in plan["warnings"]))
        (plan,) = self.plan(*args)
        self.assertTrue(any("no batch ramp: no source predicts a critical batch" in line for line in plan["warnings"]))

    def test_shapes(self):
        shapes = self.run_json("shapes", "--params", "1.2e9")["shapes"]
        self.assertGreater(len(shapes), 2)
        for shape in shapes:
            self.assertAlmostEqual(shape["params_non_embedding"] / 1.2e9, 1, delta=0.05)
            # Integers of 64 bits are text in proto JSON.
            layers, width, ff = int(shape["layers"]), int(shape["width"]), int(shape["ff_width"])
            self.assertEqual(shape["params_non_embedding"], layers * (4 * width**2 + 3 * width * ff + 2 * width) + width)
        moe = self.run_json("shapes", "--params", "8e9", "--param-count", "total", "--experts", "64", "--active-experts",
                            "8", "--shared-experts", "1", "--ff-ratio", "0.5", "--tolerance", "0.1")["shapes"]
        self.assertLess(moe[0]["params_active"], 0.5 * moe[0]["params_total"])
        (plan,) = self.plan("--flops", "1e21", "--law", "chinchilla-epoch", "--shapes", "--param-count", "total")
        self.assertAlmostEqual(plan["shapes"][0]["params_total"] / plan["params"]["value"], 1, delta=0.05)
        _, err = self.run_cli("shapes", "--params", "1e9", "--experts", "4", "--active-experts", "5", code=64 + 3)
        self.assertIn("active_experts", err)
        _, err = self.run_cli("shapes", code=2)
        self.assertIn("--params", err)

    def test_a_plan_explains_itself_in_one_screen(self):
        for args in (["--gpus", "64", "--days", "30", "--gpu-flops", "989e12", "--mfu", "0.4"], ["--flops", "1e21"],
                     ["--target-loss", "2.2"], ["--flops", "1e21", "--unique-tokens", "50B"],
                     ["--flops", "1e22", "--inference-tokens", "2T"]):
            table, _ = self.run_cli("plan", *args, "--law", "chinchilla-epoch", "--law", "step-law-lr", "--law",
                                    "step-law-bs")
            self.assertTrue(table.startswith("Plan for "), table)
            self.assertIn("tokens per parameter", table)
            self.assertLess(len(table.splitlines()), 45)

    def test_budgets_that_cannot_be_planned(self):
        """Each is refused by the name of its field, with the exit codes of the design, or warned about loudly."""
        base = ["--law", "chinchilla-epoch"]
        for args, code, word in ((["--flops", "0"], 67, "flops"), (["--flops", "-1e21"], 67, "flops"),
                                 (["--flops", "nan"], 2, "nan"), (["--flops", "inf"], 2, "inf"),
                                 (["--flops", "1e50"], 67, "flops"), (["--flops", "10"], 4, "flops"),
                                 (["--params", "-1"], 67, "params"), (["--tokens", "0"], 67, "tokens"),
                                 (["--target-loss", "0"], 67, "target_loss"), (["--target-loss", "1"], 4, "target_loss"),
                                 (["--gpus", "8", "--days", "0", "--gpu-flops", "1e15", "--mfu", "0.4"], 67, "days"),
                                 (["--gpus", "8", "--days", "1", "--gpu-flops", "1e15", "--mfu", "40"], 67, "utilisation"),
                                 (["--flops", "1e21", "--params", "1e9", "--tokens", "1e9"], 67, "budget"),
                                 (["--flops", "1e21", "--overtrain", "0"], 67, "overtrain"),
                                 (["--flops", "1e21", "--max-params", "-5"], 67, "max_params"),
                                 (["--flops", "1e21", "--max-params", "1"], 4, "max_params"),
                                 (["--flops", "1e21", "--unique-tokens", "0"], 67, "unique_tokens"),
                                 (["--flops", "1e18", "--inference-tokens", "1e18"], 4, "inference_tokens"),
                                 (["--flops", "1e21", "--max-batch-tokens", "0"], 67, "max_batch_size_tokens"),
                                 (["--flops", "1e21", "--interval", "1"], 67, "interval"),
                                 (["--flops", "1e21", "--tolerance", "2"], 67, "tolerance"),
                                 (["--flops", "1e21", "--params", "1e9", "--overtrain", "2"], 67, "overtrain")):
            _, err = self.run_cli("plan", *args, *base, code=code)
            self.assertIn(word, err, args)
        _, err = self.run_cli("plan", "--flops", "1e32", *base)
        self.assertIn("a guess, not a forecast", err)

    def test_many_targets(self):
        targets = self.write("targets.csv", "N,D,batch\n1B,100B,\n7e9,1.4T,4M\n1e8,2e9,1e5\n")
        laws = ("--law", "step-law-lr", "--law", "chinchilla-epoch")
        out, err = self.run_cli("-o", "csv", "predict", "--targets", targets, *laws)
        header, *lines = [line.split(",") for line in out.splitlines()]
        self.assertEqual(len(lines), 6)
        self.assertEqual(header[:4], ["params", "tokens", "batch_size_tokens", "source"])
        rows = [dict(zip(header, line)) for line in lines if line[3] == "step-law-lr"]
        self.assertAlmostEqual(float(rows[0]["learning_rate"]), 1.632499402447079e-3, places=12)
        answer = self.run_json("predict", "--targets", targets, "--law", "chinchilla-epoch")["predictions"]
        self.assertAlmostEqual(answer[0]["loss"]["value"], 1.817 + 0.2, delta=0.6)
        self.assertEqual(len(answer), 3)
        self.assertEqual(answer[1]["batch_asked"], 4e6)
        where = ["--server", self.start_server()]
        again, _ = self.run_cli("-o", "csv", "predict", "--targets", targets, *laws, where=where)
        self.assertEqual(again, out)
        # One target at a time says the same.
        (one,) = self.run_json("predict", "--params", "1e9", "--tokens", "1e11", "--law", "chinchilla-epoch")["predictions"]
        self.assertEqual(answer[0]["loss"]["value"], one["loss"]["value"])
        for text, word in (("N\n1e9\n", "tokens"), ("N,D\n1e9,x\n", ":2:"), ("N,D\n", "no target")):
            _, err = self.run_cli("predict", "--targets", self.write("bad.csv", text), *laws, code=1)
            self.assertIn(word, err)
        _, err = self.run_cli("predict", "--targets", self.write("bad.csv", "N,D\n1e9,1e9\n-1,1e9\n"), *laws, code=67)
        self.assertIn("target 2", err)
        self.run_cli("predict", "--targets", targets, code=2)
        self.run_cli("predict", "--targets", targets, "--params", "1e9", *laws, code=2)


if __name__ == "__main__":
    cli_support.main()
