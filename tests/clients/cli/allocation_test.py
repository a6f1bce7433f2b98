# SPDX-License-Identifier: Apache-2.0
"""Compute-optimal laws from a study, on data of others, through the command line alone and against a server."""
import csv
import math

import cli_support
from cli_support import SOURCE, CliTest

PORIAN = SOURCE.parent / "shared" / "data" / "porian"
TUNED = {"file": "summary_df", "dataset": "rw", "hparams": "tuned"}
# Porian et al. 2024, table of released fits: the exponent of N*(C) as one error after the other is removed.
PATH = (({"hparams": "base", "warmup": "long", "param_count": "kaplan"}, 0.83377),
        ({"hparams": "base", "warmup": "long", "param_count": "standard"}, 0.70090),
        ({"hparams": "base", "warmup": "short", "decay": "kaplan"}, 0.60353),
        ({"hparams": "base", "warmup": "short", "decay": "chinchilla"}, 0.57142),
        ({"hparams": "tuned"}, 0.49703))


def rows(name, **which):
    with open(PORIAN / name, newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[key] == value for key, value in which.items())]


class AllocationTest(CliTest):
    def import_runs(self, study, chosen, where=None):
        path = self.folder / f"{study}.csv"
        with open(path, "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["N", "D", "C", "loss"])
            out.writerows([row["N"], row["D"], row["flops"], row["loss"]] for row in chosen)
        self.run_cli("studies", "create", study, "--param-count", "non-input-embedding", where=where)
        self.run_cli("runs", "import", path, "--study", study, "--map", "params_non_input_embedding=N", "--map",
                     "tokens=D", "--map", "flops=C", "--map", "loss_nats=loss", where=where)

    def fit(self, study, law="params-opt-c", *args, where=None):
        return self.run_json("fits", "create", "--study", study, "--law", law, *args, where=where)

    def test_porians_optima_and_exponent_path(self):
        if not PORIAN.exists():
            self.skipTest("../shared/data/porian is not there")
        for step, (which, exponent) in enumerate(PATH):
            study = f"step-{step}"
            self.import_runs(study, rows("runs.csv", file="summary_df", dataset="rw", **which))
            fit = self.fit(study, "params-opt-c", "--estimator", "isoflop", "--bootstrap", "200")
            found = {p["name"]: p for p in fit["parameters"]}
            self.assertAlmostEqual(found["a"]["estimate"], exponent, delta=0.02, msg=str(which))
        # The tuned setting is the last: its twelve optima, and a plan that uses both laws.
        published = rows("isoflop_optima.csv", **TUNED)
        published = [row for row in published if row["split"] == "val"]
        self.assertEqual(len(published), 12)
        for i, row in enumerate(published):
            place = f"optimum.{i + 1:02d}"
            self.assertAlmostEqual(fit["diagnostics"][f"{place}.flops"] / float(row["flops"]), 1, delta=0.05)
            # Their optima are steps of a spline, known to 11 % (the log_std of N* that they print).
            self.assertLess(abs(math.log(fit["diagnostics"][f"{place}.params"] / float(row["N_opt"]))), 0.115, row)
        self.fit(study, "tokens-opt-c", "--estimator", "isoflop", "--bootstrap", "200")
        (plan,) = self.run_json("plan", "--flops", "1e21", "--study", study)["plans"]
        self.assertEqual(plan["basis"], "allocation")
        self.assertTrue(plan["params"]["low"] < 3.23778e9 < plan["params"]["high"], plan["params"])
        self.assertNotIn("loss", plan)

    def test_the_same_through_a_server(self):
        where = ["--server", self.start_server()]
        self.import_runs("mine", self.synthetic(), where=where)
        fit = self.fit("mine", "params-opt-c", "--bootstrap", "100", where=where)
        self.assertEqual(fit["estimator"], "isoflop")
        self.assertTrue(any("as the runs record it" in line for line in fit["warnings"]))
        # C is 6 N D: tokens follow from the size.
        (plan,) = self.run_json("plan", "--flops", "1e20", "--study", "mine", where=where)["plans"]
        self.assertAlmostEqual(6 * plan["params"]["value"] * plan["tokens"]["value"] / 1e20, 1, places=9)
        self.fit("mine", "tokens-opt-c", "--bootstrap", "100", where=where)
        self.fit("mine", "loss-chinchilla", "--bootstrap", "100", where=where)
        plans = self.run_json("plan", "--flops", "1e20", "--study", "mine", where=where)["plans"]
        self.assertEqual(sorted(plan["basis"] for plan in plans), ["allocation", "loss-law"])
        for plan in plans:
            self.assertAlmostEqual(plan["params"]["value"] / self.best(1e20), 1, delta=0.1, msg=plan["basis"])
            self.assertGreater(plan["loss"]["value"], 1.8)

    @staticmethod
    def best(flops):
        return (0.35 * 480 / (0.365 * 2000)) ** (1 / 0.715) * (flops / 6) ** (0.365 / 0.715)

    def synthetic(self):
        made = []
        for b in range(6):
            flops = 1e18 * 2 ** b
            for i in range(-4, 5):
                n = self.best(flops) * 6 ** (i / 4)
                d = flops / (6 * n)
                loss = 1.8 + 480 / n**0.35 + 2000 / d**0.365 + 0.001 * ((5 * b + 3 * i) % 7 - 3)
                made.append({"N": n, "D": d, "flops": flops, "loss": loss})
        return made

    def test_published_allocations(self):
        for laws, params, tokens in ((("chinchilla-a3-params", "chinchilla-a3-tokens"), 3.218985915e10, 2.982305687e12),
                                     (("chinchilla-epoch-params", "chinchilla-epoch-tokens"), 7.235645839e10,
                                      1.326764772e12)):
            (plan,) = self.run_json("plan", "--flops", "5.76e23", "--law", laws[0], "--law", laws[1])["plans"]
            self.assertAlmostEqual(plan["params"]["value"] / params, 1, places=6)
            self.assertAlmostEqual(plan["tokens"]["value"] / tokens, 1, places=6)
        for laws, ratio in ((("minicpm-params", "minicpm-tokens"), 166.8), (("porian-params", "porian-tokens"), 15.899),
                            (("marin-v16-params", "marin-v16-tokens"), 47.39)):
            (plan,) = self.run_json("plan", "--flops", "1e21", "--law", laws[0], "--law", laws[1])["plans"]
            self.assertAlmostEqual(plan["tokens_per_param"]["value"] / ratio, 1, places=3, msg=str(laws))
        # Marin's worked example of a recipe comparison.
        excess = 87.65 * 1e19 ** -0.0941
        value = self.run_json("laws", "evaluate", "marin-compute-multiplier", "--at", f"L={1.6 + excess}", "--at",
                              f"L_better={1.6 + excess * 1.1299 ** -0.0941}")["value"]
        self.assertAlmostEqual(value, 1.1299, places=9)

    def test_floors_of_a_fit(self):
        self.import_runs("mine", self.synthetic())
        self.fit("mine", "loss-chinchilla", "--bootstrap", "0", "--id", "loss")
        answer = self.run_json("fits", "floor", "mine/loss", "--params", "7e10", "--tokens", "1.4e12", "--points", "15")
        self.assertTrue(answer["floor_low"] < 1.8 < answer["floor_high"], answer)
        self.assertTrue(answer["loss_low"] <= answer["loss"] <= answer["loss_high"])
        self.assertGreater(len(answer["points"]), 8)
        table, _ = self.run_cli("fits", "floor", "mine/loss", "--params", "7e10", "--tokens", "1.4e12", "--points", "9")
        self.assertIn("LOSS AT TARGET", table)
        _, err = self.run_cli("fits", "floor", "mine/loss", "--params", "-1", "--tokens", "1", code=67)
        self.assertIn("params", err)

    def test_refusals(self):
        self.import_runs("mine", self.synthetic()[:9])
        _, err = self.run_cli("fits", "create", "--study", "mine", "--law", "params-opt-c", "--estimator", "isoflop", code=4)
        self.assertIn("two budgets", err)
        _, err = self.run_cli("fits", "create", "--study", "mine", "--law", "params-opt-c", "--estimator", "guess", code=67)
        self.assertIn("envelope", err)
        _, err = self.run_cli("fits", "create", "--study", "mine", "--law", "loss-chinchilla", "--flops-count", "6nd", code=67)
        self.assertIn("flops_count", err)


if __name__ == "__main__":
    cli_support.main()
