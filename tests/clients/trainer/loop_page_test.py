# SPDX-License-Identifier: Apache-2.0
"""docs/loop.md says of the loop that was closed on a GPU what the data in data/calibration/h200-loop say."""
import contextlib
import hashlib
import importlib.util
import io
import json
import os
import pathlib
import re
import statistics
import unittest

ROOT = pathlib.Path(os.environ["SEXTANT_SOURCE_DIR"])
DATA = ROOT / "data/calibration/h200-loop"
PAGE = " ".join((ROOT / "docs/loop.md").read_text(encoding="utf-8").split())
LINES = (ROOT / "docs/loop.md").read_text(encoding="utf-8").splitlines()

spec = importlib.util.spec_from_file_location("tables", DATA / "tables.py")
tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tables)


def printed(table):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        table()
    return out.getvalue().splitlines()


class LoopPageTest(unittest.TestCase):
    def test_every_row_of_every_table_is_on_the_page(self):
        count = 0
        for table in (tables.horizons, tables.batches, tables.calibration, tables.cells, tables.outcome, tables.target):
            for line in printed(table):
                if line.startswith("|"):
                    self.assertIn(line, LINES)
                    count += 1
        self.assertGreater(count, 30)

    def test_sentences_hold_the_numbers(self):
        self.assertIn(printed(tables.calibration)[-2], PAGE)
        equal, share = re.match(r"(\d+) of \1 branches .*; ([\d.]+) % of the FLOPs", printed(tables.horizons)[0]).groups()
        self.assertIn(f"All {equal} branches have the curve", PAGE)
        self.assertIn(f"for {share} % of the FLOPs", PAGE)
        off, away = re.match(r"loss forecast \+([\d.]+) %; given away at the forecast ([\d.]+) %",
                             printed(tables.outcome)[-2]).groups()
        self.assertIn(f"The measured loss lies {off} % below the forecast; the setting gives {away} % away", PAGE)
        losses = {}
        for run in tables.target_runs():
            losses.setdefault((run["batch_size_tokens"], f"{run['learning_rate']:.3g}"), []).append(run["loss_nats"])
        best = min(min(values) for values in losses.values())
        seeds = losses[5120, "0.00235"]
        self.assertIn(f"noise between seeds of {100 * statistics.stdev(seeds) / statistics.mean(seeds):.2f} %", PAGE)
        self.assertIn(f"to the best of {len(losses)} that were tried", PAGE)
        over = {at: 100 * (statistics.mean(values) / best - 1) for at, values in losses.items()}
        self.assertIn(f"(batch 20480) give {over[20480, '0.00471']:.1f} % and {over[20480, '0.00941']:.0f} % away", PAGE)
        self.assertIn(f"half of both {over[2560, '0.00118']:.2f} %", PAGE)
        self.assertIn(f"costs {over[5120, '0.00471']:.1f} % to {over[1280, '0.00471']:.0f} %", PAGE)

    def test_best_rates_lie_at_the_lower_edge_in_every_cell(self):
        rows = [line for line in printed(tables.cells) if re.match(r"\| \d+K", line)]
        self.assertGreaterEqual(len(rows), 6)
        for row in rows:
            best, lowest = re.search(r"\| ([\d.e-]+) \(([\d.e-]+) to", row).groups()
            self.assertEqual(best, lowest, row)

    def test_beliefs_and_scores(self):
        answers = [json.loads((DATA / f"round{n}.suggest.json").read_text()) for n in (2, 3)]
        self.assertIn(f"expected to give {100 * answers[0]['target']['expected_excess_loss_after']:.2f} % away, the third "
                      f"raised that to {100 * answers[1]['target']['expected_excess_loss_before']:.1f} %", PAGE)
        score = json.loads((DATA / "score.json").read_text())
        (said,) = [q for f in score["forecasts"] for q in f["scores"] if q["quantity"] == "loss"]
        self.assertIn(f"against {said['actual']:.4f}, the mean of all seven runs", PAGE)
        self.assertIn("the mean of 7 runs", said["note"])
        loss = tables.prediction("fits")["loss"]
        self.assertIn(f"{100 * (loss['high'] - loss['low']) / loss['value']:.0f} % wide", PAGE)

    def test_predictions_are_as_they_were_sealed(self):
        for name in ("belief", "fits"):
            digest = hashlib.sha256((DATA / f"predict-{name}.json").read_bytes()).hexdigest()
            self.assertIn(f"sha256 {digest}\n", (DATA / f"predict-{name}.seal.txt").read_text())

    def test_branches_and_trunks_add_up(self):
        for name in ("horizons.jsonl", "batches.jsonl"):
            runs = tables.records(name)
            trunks = {run["run_id"]: run["flops"] for run in runs if run["tags"]["branch"] == "trunk"}
            told = dict.fromkeys(trunks, 0.0)
            for run in runs:
                if run["tags"]["branch"] != "trunk":
                    told[run["tags"]["parent"]] += float(run["tags"]["flops_trunk_share"])
            for trunk, flops in trunks.items():
                self.assertAlmostEqual(told[trunk] / flops, 1, places=6)


if __name__ == "__main__":
    unittest.main(verbosity=1)
