# SPDX-License-Identifier: Apache-2.0
"""Labels of runs and cells: shown, kept, and used to choose runs."""
import math

import cli_support
from cli_support import CliTest, sweep_csv


class LabelTest(CliTest):
    def make_flawed_study(self):
        """Runs diverged, one run is there twice, and one cell was tried at high rates only."""
        lines = sweep_csv().splitlines()
        rows = [line.split(",") for line in lines[1:]]
        copy = ["copy", *rows[4][1:]]
        rows[3][5] = "inf"
        for row in rows:
            if row[0].startswith("r3-2-") and row[0][5] > "5":
                row[5] = "nan"  # higher rates were tried, so the best is no edge
            if row[0].startswith("r3-1-") and row[0][5] < "5":
                row[0] = ""
        rows = [row for row in rows if row[0]] + [copy]
        self.make_study(rows="\n".join([lines[0], *map(",".join, rows)]) + "\n")

    def ids(self, filter_text):
        runs = self.run_json("runs", "list", "--study", "s", "--filter", filter_text)
        return [run["run_id"] for run in runs]

    def test_cells_are_shown_and_nothing_is_kept(self):
        self.make_flawed_study()
        out, err = self.run_cli("studies", "cells", "s")
        self.assertIn("edge-of-grid", out)
        self.assertIn("duplicate 2", err)
        answer = self.run_json("studies", "cells", "s")
        self.assertEqual(len(answer["cells"]), 12)
        self.assertEqual(answer["cells"][0]["runs_diverged"], 1)
        self.assertEqual(self.ids("labels:*"), [])

    def test_labels_are_kept_and_choose_the_runs_of_a_fit(self):
        self.make_flawed_study()
        counts = self.run_json("studies", "label", "s")["runs_by_label"]
        self.assertEqual(len(self.ids("labels:diverged")), counts["diverged"])
        self.assertEqual(self.ids("labels:duplicate"), ["copy", "r0-0-0-4"])
        table, _ = self.run_cli("runs", "list", "--study", "s", "--filter", "labels:duplicate")
        self.assertIn("duplicate", table)
        shown, _ = self.run_cli("runs", "show", "s/copy")
        self.assertIn("duplicate", shown)
        every = len(self.run_json("runs", "list", "--study", "s"))
        self.assertEqual(len(self.ids("-labels:diverged")), every - counts["diverged"])
        fit = self.run_json("fits", "create", "--study", "s", "--law", "lr-power-nd", "--estimator", "band", "--bootstrap", 0,
                            "--where", "-labels:duplicate")
        self.assertEqual(fit["state"], "FIT_SUCCEEDED")

    def test_curves_that_fall_abruptly_label_their_runs(self):
        self.make_study()
        steps = [10 * k for k in range(1, 301)]

        def loss(step, drop_at):
            smooth = 3 + 4 * step ** -0.3
            return smooth * (0.75 + 0.25 / (1 + math.exp((math.log(step) - math.log(drop_at)) * 30))) if drop_at else smooth
        runs = "run_id,params_non_embedding,tokens,learning_rate,batch_size_tokens,loss_nats\n"
        curves = "run_id,step,train_loss\n"
        for name, drop_at in (("smooth", 0), ("dropping", 1000)):
            runs += f"{name},1e6,3e6,1e-3,1000,{loss(3000, drop_at)}\n"
            curves += "".join(f"{name},{step},{loss(step, drop_at)}\n" for step in steps)
        self.run_cli("runs", "import", self.write("curved.csv", runs), "--curves", self.write("curves.csv", curves),
                     "--study", "s")
        counts = self.run_json("studies", "label", "s")["runs_by_label"]
        self.assertEqual(counts["abrupt-drop"], 1)
        self.assertEqual(self.ids("labels:abrupt-drop"), ["dropping"])
        self.assertIn("smooth", self.ids("-labels:abrupt-drop"))

    def test_labels_go_when_their_reason_goes(self):
        self.make_flawed_study()
        self.run_cli("studies", "label", "s")
        self.assertEqual(self.ids("labels:duplicate"), ["copy", "r0-0-0-4"])
#A run of the grid beyond the best one closes the grid there.
        edge = self.ids("labels:edge-of-grid")
        self.assertEqual(len(edge), 1)
        run = self.run_json("runs", "show", "--study", "s", edge[0])
        path = self.write("more.csv", "run_id,params_non_embedding,tokens,learning_rate,batch_size_tokens,loss_nats\n"
                          f"more,{run['params_non_embedding']},{run['tokens']},{run['learning_rate'] / 2},"
                          f"{run['batch_size_tokens']},9\n")
        self.run_cli("runs", "import", path, "--study", "s")
        self.run_cli("fits", "create", "--study", "s", "--law", "lr-power-nd", "--estimator", "band", "--bootstrap", 0)
        self.assertEqual(self.ids("labels:edge-of-grid"), [], "a fit labels the study anew")


if __name__ == "__main__":
    cli_support.main()
