#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Charts: in the terminal, and as SVG files."""
import unittest
import xml.dom.minidom

import cli_support
from cli_support import CliTest


def circles(svg, kind):
    return [c for c in svg.getElementsByTagName("circle") if c.getAttribute("class").startswith(kind)]


class PlotTest(CliTest):
    def setUp(self):
        super().setUp()
        self.make_study("mine")

    def svg(self, *args):
        out = self.folder / "chart.svg"
        self.run_cli(*args, "--svg", out)
        return xml.dom.minidom.parse(str(out))

    def fit(self, law, *flags):
        return self.run_json("fits", "create", "--study", "mine", "--law", law, "--bootstrap", "50", *flags)["name"]

    def test_a_fit_is_drawn_with_its_data_and_beyond_them(self):
        name = self.fit("loss-chinchilla", "--holdout", "params_non_embedding > 5e7")
        text, _ = self.run_cli("fits", "show", name, "--plot")
        self.assertIn("alpha", text)  # the table stays
        for part in ("loss-chinchilla fitted to mine", "tokens, log", "●", "○", "a N = ", "held out"):
            self.assertIn(part, text)
        self.assertTrue(any("⠀" < c <= "⣿" for c in text), "no line is drawn")
        self.assertNotIn("\x1b", text)
        svg = self.svg("fits", "show", name)
        self.assertTrue(circles(svg, "f"))
        self.assertTrue(circles(svg, "o"), "held-out runs are hollow")
        dashed = [p for p in svg.getElementsByTagName("path") if " d" in p.getAttribute("class")]
        self.assertTrue(dashed, "what is extrapolated is dashed")
        bands = [p for p in svg.getElementsByTagName("path") if p.getAttribute("class").startswith("b ")]
        self.assertTrue(bands)

    def test_the_best_run_of_a_cell_is_drawn_for_rates(self):
        self.fit("lr-power-nd")
        text, notes = self.run_cli("fits", "show", "mine/lr-power-nd", "--plot")
        self.assertIn("best run of a cell", text)
        self.assertIn("the newest fit of lr-power-nd is", notes)

    def test_width_and_colour(self):
        name = self.fit("batch-power-d")
        for columns in (60, 100):
            text, _ = self.run_cli("fits", "show", name, "--plot", env={**self.env, "COLUMNS": str(columns)})
            chart = text[text.index("batch-power-d fitted"):]
            self.assertEqual(max(map(len, chart.splitlines())), columns - 1)
        coloured, _ = self.run_cli("--color", "always", "fits", "show", name, "--plot")
        self.assertIn("\x1b[36m", coloured)
        plain, _ = self.run_cli("fits", "show", name, "--plot", env={**self.env, "NO_COLOR": "1"})
        self.assertNotIn("\x1b", plain)

    def test_predictions_are_drawn_to_the_target(self):
        self.fit("lr-power-nd")
        self.fit("batch-power-d")
        text, _ = self.run_cli("predict", "--study", "mine", "--params", "1B", "--tokens", "20B", "--plot")
        for part in ("learning rate at N = 1B", "batch (tokens) at N = 1B", "target"):
            self.assertIn(part, text)
        svg = self.svg("predict", "--study", "mine", "--params", "1B", "--tokens", "20B")
        self.assertGreaterEqual(len(svg.getElementsByTagName("title")), 2)
        ids = [element.getAttribute("id") for element in svg.getElementsByTagName("*") if element.getAttribute("id")]
        self.assertEqual(len(ids), len(set(ids)))

    def test_published_laws_are_compared(self):
        text, _ = self.run_cli("predict", "--law", "step-law-lr", "--law", "deepseek-lr", "--params", "1B", "--tokens", "20B", "--plot")
        self.assertIn("a step-law-lr", text.replace("⠤⠤⠤", "").replace("⠤ ⠤", ""))

    def test_curves_are_drawn(self):
        self.write("curve.csv", "run_id,step,tokens,train_loss,validation_loss\n" + "".join(
            f"r0-0-0-0,{step},{step * 1000},{4 * step ** -0.1},{4.1 * step ** -0.1 if step % 50 == 0 else ''}\n" for step in range(1, 401)))
        rows = cli_support.sweep_csv(sizes=(1e6,), horizons=(1e8,), rates=3, batches=1)
        self.run_cli("studies", "create", "curved")
        self.run_cli("runs", "import", self.write("runs.csv", rows), "--study", "curved", "--curves", self.folder / "curve.csv")
        text, _ = self.run_cli("runs", "curve", "curved/r0-0-0-0", "--plot")
        for part in ("Curve of r0-0-0-0", "training loss", "validation loss", "step, log"):
            self.assertIn(part, text)
        text, _ = self.run_cli("runs", "curve", "curved/r0-0-0-0", "--plot", "--x", "tokens", "--linear-x")
        self.assertIn("tokens\n", text)
        self.assertTrue(self.svg("runs", "curve", "curved/r0-0-0-0").getElementsByTagName("path"))
        _, error = self.run_cli("runs", "curve", "curved/r0-0-1-0", "--plot", code=1)
        self.assertIn("holds no loss", error)

    def test_plots_are_for_people(self):
        name = self.fit("batch-power-d")
        self.run_cli("-o", "json", "fits", "show", name, "--plot", code=2)
        self.run_json("fits", "show", name, "--svg", self.folder / "beside.svg")
        self.assertTrue((self.folder / "beside.svg").exists())
        self.run_cli("fits", "show", name, "--svg", self.folder / "none" / "x.svg", code=1)


if __name__ == "__main__":
    cli_support.main()
