# SPDX-License-Identifier: Apache-2.0
"""Laws of any variable, metric and data through the command line. Formulas here are written by hand."""
import json
import math
import random

import cli_support
from cli_support import CliTest

# laws.md 23.2: fine-tuning loss over samples; fit of section 19.
FINE_TUNING = [4.247949918, 4.188166777, 4.086900075, 3.946466605, 3.808449984, 3.645450115, 3.420799971, 3.165299892,
               2.91552496, 2.652625084, 2.382649899, 2.151550055, 1.91655004, 1.742699981]
# laws.md 23.3: four-digit addition.
ADDITION_X = [160, 192, 256, 320, 384, 448, 480, 512, 544, 576, 608, 640, 672, 736]
ADDITION_Y = [2.13809046, 2.11813418, 2.08955508, 2.06988398, 2.05404987, 2.03837089, 2.02814281, 2.00496872, 1.95576149,
              1.86313841, 1.70891537, 1.50637664, 1.29754721, 0.96559684]
ADDITION_LATER = {800: 0.75856477, 864: 0.64768338, 928: 0.55695445}


def muennighoff(n, d, u):
    e, a, b, alpha, r_d, r_n = 1.86914, 520.825, 1487.716, 0.35266, 15.388, 5.3097
    g = (a / b) ** (1 / (2 * alpha))
    u = min(u, d)
    u_n = min(n, g * g * u)
    r_n_used, r_d_used = max(n / u_n - 1, 0), max(d / u - 1, 0)
    n_eff = u_n + u_n * r_n * (1 - math.exp(-r_n_used / r_n))
    d_eff = u + u * r_d * (1 - math.exp(-r_d_used / r_d))
    return e + a / n_eff ** alpha + b / d_eff ** alpha


class AnyLawTest(CliTest):
    def table(self, name, header, rows):
        return self.write(name, ",".join(header) + "\n" + "".join(",".join(repr(float(v)) for v in row) + "\n" for row in rows))

    def parameters(self, fit):
        return {p["name"]: p["estimate"] for p in fit["parameters"]}

    def test_rectified_fine_tuning_series(self):
        self.run_cli("studies", "create", "ft")
        path = self.table("ft.csv", ["samples", "loss"], [(200 * 2 ** k, y) for k, y in enumerate(FINE_TUNING)])
        fit = self.run_json("fits", "create", "--study", "ft", "--law", "rectified-ft", "--table", path, "--map", "x=samples",
                            "--map", "y=loss", "--bootstrap", "0", "--loss", "squared")
        got = self.parameters(fit)
        self.assertEqual(fit["data_source"], "table ft.csv")
        self.assertEqual(fit["columns"], {"x": "samples", "y": "loss"})
        self.assertAlmostEqual(got["E"], 1.06924, delta=0.02)
        self.assertAlmostEqual(got["beta"], 0.45528, delta=0.01)
        self.assertAlmostEqual(got["B"] / 563.823, 1, delta=0.1)
        self.assertAlmostEqual(got["D_l"] / 166.056, 1, delta=0.1)
        answer = self.run_json("predict", "--study", "ft", "--at", "x=1e6")["predictions"][0]
        self.assertAlmostEqual(answer["other"]["curve"], 1.868795, delta=0.01)
        # The first ten alone, as section 19 has it.
        self.run_cli("studies", "create", "ten")
        path = self.table("ten.csv", ["samples", "loss"], [(200 * 2 ** k, FINE_TUNING[k]) for k in range(10)])
        self.run_cli("fits", "create", "--study", "ten", "--law", "rectified-ft", "--table", path, "--map", "x=samples",
                     "--map", "y=loss", "--bootstrap", "0", "--loss", "squared")
        for x, y in ((204800, 2.39601), (409600, 2.16053), (819200, 1.95328), (1638400, 1.77815)):
            answer = self.run_json("predict", "--study", "ten", "--at", f"x={x}")["predictions"][0]
            self.assertAlmostEqual(answer["other"]["curve"], y, delta=0.005)

    def test_broken_power_law_series(self):
        self.run_cli("studies", "create", "add")
        path = self.table("add.csv", ["x", "y"], list(zip(ADDITION_X, ADDITION_Y)))
        self.run_cli("fits", "create", "--study", "add", "--law", "curve-bnsl", "--table", path, "--bootstrap", "0")
        for x, y in ADDITION_LATER.items():
            answer = self.run_json("predict", "--study", "add", "--at", f"x={x}")["predictions"][0]
            self.assertAlmostEqual(answer["other"]["curve"] / y, 1, delta=0.05)

    def test_repeated_data_from_runs_with_unique_tokens(self):
        self.run_cli("studies", "create", "rep", "--param-count", "total", "--variable", "U:tokens:unique tokens")
        rng = random.Random(1)
        rows = ["run_id,params_total,tokens,U,loss_nats"]
        for n in (1e8, 3e8, 1e9, 3e9, 9e9):
            for u in (1e8, 4e8, 2e9, 1e10):
                for epochs in (1, 2, 5, 15, 40):
                    loss = muennighoff(n, u * epochs, u) * math.exp(0.002 * rng.gauss(0, 1))
                    rows.append(f"n{n:g}-u{u:g}-{epochs},{n!r},{u * epochs!r},{u!r},{loss!r}")
        path = self.write("rep.csv", "\n".join(rows) + "\n")
        self.run_cli("runs", "import", path, "--study", "rep")
        fit = self.run_json("fits", "create", "--study", "rep", "--law", "muennighoff", "--bootstrap", "0")
        self.assertEqual(fit["columns"]["U"], "U")
        self.assertAlmostEqual(self.parameters(fit)["R_D"], 15.388, delta=3)
        answer = self.run_json("predict", "--study", "rep", "--params", "6.34e9", "--tokens", "242e9", "--at", "U=25e9")
        self.assertAlmostEqual(answer["predictions"][0]["loss"]["value"] / muennighoff(6.34e9, 242e9, 25e9), 1, delta=0.01)
        published = self.run_json("predict", "--law", "muennighoff", "--params", "6.34e9", "--tokens", "242e9", "--at",
                                  "U=25e9")["predictions"][0]
        self.assertAlmostEqual(published["loss"]["value"], 2.2256440889984477, places=9)
        _, error = self.run_cli("predict", "--study", "rep", "--params", "6.34e9", "--tokens", "242e9", code=4)
        self.assertIn("--at U=", error)

    def test_mixtures_quantisation_and_critical_ratios(self):
        self.run_cli("studies", "create", "mix", "--variable", "r:share", "--variable", "P:bits", "--objective",
                     "quantisation_loss::min", "--objective", "critical_mixture_ratio::max:0:1")
        rng = random.Random(2)
        rows = ["run_id,params_non_embedding,tokens,r,P,loss_nats,quantisation_loss,critical_mixture_ratio"]
        for n in (5e7, 2e8, 8e8, 3e9):
            for d in (1e9, 4e9, 2e10):
                for r in (0.05, 0.2, 0.5, 0.9):
                    for p in (2, 3, 4):
                        loss = 1.6 + 300 / n ** 0.32 + 900 * r ** 0.4 / d ** 0.33 + 0.08 / (r + 0.05) ** 0.5
                        q = 0.017 * d ** 0.5251 / (n ** 0.2261 * p ** 5.4967)
                        cmr = 0.22524761 * (d / 2e8) ** 0.26944345 - 0.48139982 + 0.4
                        noise = [math.exp(0.001 * rng.gauss(0, 1)) for _ in range(3)]
                        rows.append(f"{n:g}-{d:g}-{r}-{p},{n!r},{d!r},{r},{p},{loss * noise[0]!r},{q * noise[1]!r},"
                                    f"{min(1, max(0.01, cmr)) * noise[2] if cmr < 0.95 else 0.95!r}")
        path = self.write("mix.csv", "\n".join(rows) + "\n")
        self.run_cli("runs", "import", path, "--study", "mix")
        fit = self.run_json("fits", "create", "--study", "mix", "--law", "loss-d-cpt", "--bootstrap", "0")
        self.assertEqual(fit["runs_used"], 144)
        answer = self.run_json("predict", "--study", "mix", "--params", "1e9", "--tokens", "1e10", "--at", "r=0.3")
        truth = 1.6 + 300 / 1e9 ** 0.32 + 900 * 0.3 ** 0.4 / 1e10 ** 0.33 + 0.08 / 0.35 ** 0.5
        self.assertAlmostEqual(answer["predictions"][0]["loss"]["value"] / truth, 1, delta=0.005)
        got = self.parameters(self.run_json("fits", "create", "--study", "mix", "--law", "qid", "--bootstrap", "0"))
        self.assertAlmostEqual(got["beta"], 0.5251, delta=0.01)
        self.assertAlmostEqual(got["gamma"], 5.4967, delta=0.02)
        self.run_cli("fits", "create", "--study", "mix", "--law", "cmr-460m", "--bootstrap", "0")
        _, error = self.run_cli("fits", "create", "--study", "mix", "--law", "muennighoff", "--bootstrap", "0", code=64 + 3)
        for part in ("'U'", "--variable U:", "--map U=", "--table"):
            self.assertIn(part, error)

    def test_the_newest_fit_that_can_answer_does(self):
        self.make_study("s")
        self.run_cli("fits", "create", "--study", "s", "--law", "loss-chinchilla", "--bootstrap", "0", "--id", "older")
        path = self.table("m.csv", ["N", "D", "U", "y"],
                          [(n, d, u, muennighoff(n, d, u)) for n in (1e8, 1e9, 4e9) for u in (1e8, 1e9) for d in
                           (1e8, 1e9, 1e10, 4e10)])
        self.run_cli("fits", "create", "--study", "s", "--law", "muennighoff", "--table", path, "--bootstrap", "0", "--id",
                     "newer")
        answer = self.run_json("predict", "--study", "s", "--params", "1e9", "--tokens", "1e10")["predictions"][0]
        self.assertEqual(answer["fits"], ["studies/s/fits/older"])
        self.assertTrue(any("newest fit that can" in warning for warning in answer["warnings"]), answer["warnings"])
        answer = self.run_json("predict", "--study", "s", "--params", "1e9", "--tokens", "1e10", "--at",
                               "U=1e9")["predictions"][0]
        self.assertEqual(answer["fits"], ["studies/s/fits/newer"])

    def test_steps_to_a_goal_are_answered_by_optimizer(self):
        rows = ["optimizer,batch,steps,lr"]
        truth = {"adam": 4003, "sgd": 512, "momentum": 1990}
        for optimizer, critical in truth.items():
            for k in range(4, 16):
                for factor, rate in ((1, 0.1), (1.6, 0.2)):
                    rows.append(f"{optimizer},{2 ** k},{factor * 800 * (1 + critical / 2 ** k):.6f},{rate}")
        path = self.write("steps.csv", "\n".join(rows) + "\n")
        groups = self.run_json("critical-batch", "steps", "--table", path, "--batch", "batch", "--group-by",
                               "optimizer")["groups"]
        self.assertEqual({g["group"]["optimizer"]: round(g["critical_batch"]["value"]) for g in groups}, truth)
        rows = [row + (",task" if i == 0 else ",a" if i % 2 else ",b") for i, row in enumerate(rows)]
        path = self.write("two.csv", "\n".join(rows) + "\n")
        _, error = self.run_cli("critical-batch", "steps", "--table", path, "--batch", "batch", "--group-by", "optimizer",
                                code=64 + 3)
        self.assertIn("task", error)
        # As runs of a study without N and D.
        self.run_cli("studies", "create", "shallue", "--variable", "batch:examples", "--objective", "error_rate::min:0:1")
        self.run_cli("runs", "import", "steps.csv", "--study", "shallue", "--map", "optimizer=optimizer", "--map",
                     "batch=batch", "--map", "steps=steps", "--map", "learning_rate=lr", "--set", "error_rate=0.02")
        groups = self.run_json("critical-batch", "steps", "--study", "shallue", "--batch", "batch", "--where",
                               "error_rate <= 0.02")["groups"]
        self.assertEqual({g["group"]["optimizer"]: round(g["critical_batch"]["value"]) for g in groups}, truth)

    def test_a_setting_is_converted_in_one_call(self):
        out = self.run_json("convert", "--optimizer", "adam", "--from-batch", "256", "--to-batch", "1024", "--learning-rate",
                            "1e-3", "--beta1", "0.9", "--beta2", "0.98", "--epsilon", "1e-8", "--ema-decay", "0.9999",
                            "--warmup-steps", "400", "--weight-decay", "0.1")
        values = {}
        for row in out["values"]:
            values.setdefault(row["quantity"], row)
            self.assertTrue(row["source"] and row["validity"], row)
        self.assertEqual(out["factor"], 4)
        for quantity, value in (("learning_rate", 2e-3), ("beta1", 0.6), ("beta2", 0.92), ("epsilon", 5e-9),
                                ("ema_decay", 0.9999 ** 4), ("warmup_steps", 100), ("weight_decay", 0.2)):
            self.assertAlmostEqual(values[quantity]["value"] / value, 1, places=9, msg=quantity)
        _, error = self.run_cli("convert", "--optimizer", "adamm", "--from-batch", "1", "--to-batch", "-2", code=64 + 3)
        self.assertIn("optimizer", error)
        self.assertIn("to_batch", error)

    def test_schedules_are_predicted_and_compared(self):
        self.run_cli("studies", "create", "curves")
        for shape in ("cosine", "constant"):
            steps = 8000
            rates = [3e-4 * min(1, s / 500) for s in range(steps)]
            if shape == "cosine":
                rates = [r if s < 500 else 3e-5 + 1.35e-4 * (1 + math.cos(math.pi * (s - 500) / (steps - 500)))
                         for s, r in enumerate(rates)]
            points = list(range(600, steps, 40))
            losses = multi_power(rates, points)
            run = {"run_id": shape, "params_non_embedding": 25e6, "tokens": 4e9, "warmup_steps": 500, "loss_nats": losses[-1],
                   "curve": {"step": [s + 1 for s in points], "train_loss": losses, "learning_rate": [rates[s] for s in points]}}
            path = self.write(f"{shape}.jsonl", json.dumps(run) + "\n")
            self.run_cli("runs", "import", path, "--study", "curves")
        fit = self.run_json("fits", "create", "--study", "curves", "--law", "mpl", "--id", "f")
        self.assertEqual(fit["data_source"], "curves")
        rates = [3e-4 * min(1, s / 500) if s < 6000 else 9e-5 for s in range(8000)]
        truth = multi_power(rates, [7999])[0]
        step = "step:peak=3e-4,steps=8000,warmup=500,at=6000@9e-5"
        answer = self.run_json("predict", "--study", "curves", "--schedule", step)["predictions"][0]
        self.assertAlmostEqual(answer["loss"]["value"] / truth, 1, delta=0.002)
        out = self.run_json("schedules", "compare", "--fit", "curves/f", "--schedule", step, "--schedule",
                            "constant:peak=3e-4,steps=8000,warmup=500", "--best-decay")["outcomes"]
        self.assertEqual(len(out), 3)
        ranks = {(o["schedule"]["shape"], o["found"]): o["rank"] for o in out}
        self.assertEqual(ranks[("constant", False)], 3)
        self.assertEqual(ranks[("wsd", True)], 1)

    def test_a_laws_variable_may_be_a_point_of_a_curve(self):
        self.run_cli("studies", "create", "curves")
        steps = list(range(1, 4000, 13))
        run = {"run_id": "a", "params_non_embedding": 25e6, "tokens": 4e9, "batch_size_tokens": 1e6, "loss_nats": 3.0,
               "curve": {"step": steps, "train_loss": [2 + 5 * s ** -0.4 for s in steps]}}
        self.run_cli("runs", "import", self.write("a.jsonl", json.dumps(run) + "\n"), "--study", "curves")
        fit = self.run_json("fits", "create", "--study", "curves", "--law", "curve-m2", "--map", "x=curve.step", "--map",
                            "y=curve.train_loss", "--bootstrap", "0")
        self.assertEqual(fit["data_source"], "curves")
        answer = self.run_json("predict", "--study", "curves", "--at", "x=1e5")["predictions"][0]
        self.assertAlmostEqual(answer["other"]["curve"], 2 + 5 * 1e5 ** -0.4, delta=0.002)


def multi_power(rates, points):
    """The multi-power law of Luo et al. 2025, by its printed sum."""
    l0, a, alpha, b, c, beta, gamma = 3.04045406, .52468604, .50786857, 363.78751622, 2.06560812, .58279013, .64142257
    sums = [0.0]
    for rate in rates:
        sums.append(sums[-1] + rate)
    changes = [(k, rates[k - 1] - rates[k], rates[k]) for k in range(1, len(rates)) if rates[k] != rates[k - 1]]
    losses = []
    for t in points:
        gained = sum(drop * (1 - (1 + c * rate ** -gamma * (sums[t + 1] - sums[k])) ** -beta)
                     for k, drop, rate in changes if k <= t and rate > 0)
        losses.append(l0 + a * sums[t + 1] ** -alpha - b * gained)
    return losses


if __name__ == "__main__":
    cli_support.main()
