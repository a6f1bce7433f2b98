#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reports, and the page that sextantd serves; in a browser where node, Chromium and the npm packages are there."""
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import time
import unittest

import cli_support
from cli_support import BIN, SOURCE, CliTest, best_batch, best_rate

WEB = SOURCE / "clients" / "web"
HOSTILE = "<script>alert(1)</script> \"q\" ' \u202e =1+1"


def sweep_with_curves():
    """A grid with a critical batch, and every run's curve: (runs, curves) as CSV."""
    runs = ["run_id,params_non_embedding,tokens,learning_rate,batch_size_tokens,steps,loss_nats"]
    curves = ["run_id,step,tokens,train_loss"]
    for i, n in enumerate((1e6, 4e6, 16e6, 64e6)):
        for j, d in enumerate((1e8, 4e8, 1.6e9)):
            for k in range(7):
                for m in range(5):
                    x = 0.25 * (k - 3) + 0.02 * ((i + 2 * j) % 3 - 1)
                    batch = best_batch(d) * math.exp(0.5 * (m - 2) + 0.03 * ((2 * i + j) % 3 - 1))
                    steps = round(d / batch)

                    def loss(tokens):
                        useful = tokens / (1 + batch / (4 * best_batch(d)))
                        return (1.7 + 400 / n**0.34 + 400 / useful**0.28) * (1 + 0.05 * x * x + 0.004 * (m - 2)**2)
                    name = f"r{i}-{j}-{k}-{m}"
                    runs.append(f"{name},{n:.0f},{d:.0f},{best_rate(n, d) * math.exp(x)!r},{batch!r},{steps},{loss(d)!r}")
                    for part in range(1, 11):
                        step = round(steps * part / 10)
                        curves.append(f"{name},{step},{d * part / 10:.0f},{loss(d * part / 10):.6f}")
    return "\n".join(runs) + "\n", "\n".join(curves) + "\n"


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="sextant-data">(.*?)</script>', page, re.S).group(1))


class ReportTest(CliTest):
    def setUp(self):
        super().setUp()
        out = self.folder / "probe.html"
        self.run_cli("studies", "create", "probe")
        done = self.run_cli("report", "--study", "probe", "--out", out, code=None)
        if "built without the page" in done[1]:
            self.skipTest("sextant was built without its page (npm run build in clients/web makes it)")
        self.assertTrue(out.exists(), done)

    def make_report(self, study="mine", **kwargs):
        self.make_study(study, **kwargs)
        for law in ("lr-power-nd", "batch-power-d", "loss-chinchilla"):
            self.run_cli("fits", "create", "--study", study, "--law", law, "--bootstrap", "50", "--holdout", "params_non_embedding > 5e7")
        out = self.folder / f"{study}.html"
        self.run_cli("report", "--study", study, "--out", out)
        return out

    def make_rich_report(self):
        """With curves, isoFLOP budgets, critical batches, and laws to compare."""
        runs, curves = sweep_with_curves()
        self.run_cli("studies", "create", "rich")
        self.run_cli("runs", "import", self.write("rich.csv", runs), "--study", "rich", "--curves", self.write("rich-curves.csv", curves))
        for law in ("lr-power-nd", "batch-power-d", "loss-chinchilla", "loss-kaplan"):
            self.run_cli("fits", "create", "--study", "rich", "--law", law, "--bootstrap", "50", "--holdout", "params_non_embedding > 5e7")
        out = self.folder / "rich.html"
        self.run_cli("report", "--study", "rich", "--out", out)
        return out

    def make_ledger_report(self, report):
        """The same with forecasts as the ledger's API gives them."""
        page = report.read_text(encoding="utf-8")
        data = data_of(page)

        def forecast(name, actual, verdict, value=3.0):
            return {"name": f"studies/rich/forecasts/{name}", "seal_time": "2026-11-01T00:00:00Z", "inputs": {"params": 1e8, "tokens": 2e9, "interval": 0.9},
                    "prediction": {"loss": {"value": value, "low": 0.97 * value, "high": 1.03 * value}, "extrapolation": {"params": 2.0, "tokens": 1.5}},
                    "scores": [{"quantity": "loss", "actual": actual, "error": math.log(actual / value), "verdict": verdict}] if actual else []}
        data["forecasts"] = [forecast("a", 3.01, "inside"), forecast("b", 2.95, "inside"), forecast("c", 3.3, "outside"),
                             forecast("<b>odd", None, "")]
        text = json.dumps(data).replace("<", "\\u003c")
        out = self.folder / "ledger.html"
        out.write_text(page[:page.index('id="sextant-data">') + len('id="sextant-data">')] + text + page[page.index("</script>", page.index('id="sextant-data">')):],
                       encoding="utf-8")
        return out

    def test_cells_take_runs_whose_horizon_is_rounded(self):
        runs = SOURCE / "data/calibration/h100-lines-t128/runs.jsonl"
        self.run_cli("studies", "create", "lines")
        self.run_cli("runs", "import", runs, "--study", "lines")
        out = self.folder / "lines.html"
        self.run_cli("report", "--study", "lines", "--out", out)
        page = out.read_text(encoding="utf-8")
        self.assertLess(len(page), 2_000_000, "the report of a shipped sweep")
        data = data_of(page)
        self.assertEqual(len(data["cells"]["params"]), 12)
        self.assertEqual(sorted(data["cells"]["runs"]), [20] * 6 + [30] * 6)
        self.assertEqual(sum(cell >= 0 for cell in data["runs"]["cell"]), 300)
        self.assertTrue(data["critical_batch"]["cells"])
        self.assertTrue(data["compared_estimators"]["estimators"])

    def make_hostile_report(self):
        self.run_cli("studies", "create", "odd", "--title", HOSTILE, "--description", HOSTILE * 200)
        lines = ["run_id,params_non_embedding,tokens,learning_rate,batch_size_tokens,loss_nats,tags.evil"]
        lines += [f"r{i},{1e6 * 4 ** (i % 3):.0f},{1e8 * 4 ** (i // 3 % 3):.0f},{0.001 * 2 ** (i // 9)},65536,{3 + 0.1 * (i // 9 - 1) ** 2 + 0.01 * (i % 9)},\"=cmd()\""
                  for i in range(27)]
        self.run_cli("runs", "import", self.write("odd.csv", "\n".join(lines) + "\n"), "--study", "odd")
        out = self.folder / "odd.html"
        self.run_cli("report", "--study", "odd", "--out", out)
        return out

    def test_a_report_holds_all_and_loads_nothing(self):
        page = self.make_report().read_text(encoding="utf-8")
        self.assertLess(len(page), 2_000_000)
        self.assertIsNone(re.search(r'(src|href)="(?!data:|#)', page))
        data = data_of(page)
        self.assertEqual(data["study"]["name"], "studies/mine")
        self.assertEqual(len(data["runs"]["id"]), data["runs"]["total"])
        self.assertEqual({each["fit"]["law"] for each in data["fits"]}, {"lr-power-nd", "batch-power-d", "loss-chinchilla"})
        for each in data["fits"]:
            self.assertTrue(each["lines"] and each["fit"]["data_digest"])
            self.assertEqual(len(each["at_cells"]["value"]), len(data["cells"]["params"]))
        self.assertEqual(set(data["grid"]["quantities"]), {"learning_rate", "batch_size_tokens", "loss"})

    def test_the_grid_says_what_predict_says(self):
        data = data_of(self.make_report().read_text(encoding="utf-8"))
        grid = data["grid"]
        row, column = len(grid["params"]) // 2, len(grid["tokens"]) // 2
        said = self.run_json("predict", "--study", "mine", "--params", grid["params"][row], "--tokens", grid["tokens"][column])
        found = grid["quantities"]["learning_rate"]["value"][row * len(grid["tokens"]) + column]
        self.assertAlmostEqual(found / said["predictions"][0]["learning_rate"]["value"], 1, delta=1e-4)

    def test_hostile_names_cannot_leave_the_data(self):
        page = self.make_hostile_report().read_text(encoding="utf-8")
        self.assertNotIn("<script>alert", page)
        self.assertEqual(data_of(page)["study"]["title"], HOSTILE)

    def test_a_missing_study_writes_nothing(self):
        out = self.folder / "none.html"
        self.run_cli("report", "--study", "none", "--out", out, code=69)
        self.assertFalse(out.exists())

    def need_browser(self):
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        if not (shutil.which("node") and chromium and (WEB / "node_modules" / "playwright-core").is_dir()):
            self.skipTest("needs node, chromium and `npm ci` in clients/web")
        return chromium

    def start_http(self):
        """The URL of a server over the database of the commands."""
        port_file = self.folder / f"http-port-{time.monotonic_ns()}"
        server = subprocess.Popen([BIN / "sextantd", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--http-port-file", port_file,
                                   "--db", self.folder / "runs.db"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.env)
        self.addCleanup(self.stop_server, server)
        deadline = time.monotonic() + cli_support.TIMEOUT_S
        while not port_file.exists():
            self.assertLess(time.monotonic(), deadline, "sextantd does not listen")
            time.sleep(0.02)
        return f"http://127.0.0.1:{port_file.read_text().strip()}"

    def test_a_large_study_opens_and_moves_at_once(self):
        """168 160 runs, as the largest public sweep has."""
        chromium = self.need_browser()
        total, lines = 168_160, ["run_id,params_non_embedding,tokens,learning_rate,batch_size_tokens,loss_nats"]
        for i in range(total):
            n, d, rate, batch = 1e6 * 1.6 ** (i % 20), 1e8 * 1.5 ** (i // 20 % 20), 1e-3 * 1.05 ** (i // 400 % 21), 65536 * 1.2 ** (i // 8400)
            loss = (1.7 + 400 / n**0.34 + 400 / d**0.28) * (1 + 0.02 * ((i // 400 % 21) - 10) ** 2 / 100)
            lines.append(f"r{i},{n:.0f},{d:.0f},{rate:.6g},{batch:.0f},{loss:.6f}")
        self.run_cli("studies", "create", "large")
        self.run_cli("runs", "import", self.write("large.csv", "\n".join(lines) + "\n"), "--study", "large")
        done = subprocess.run(["node", "test/large_test.mjs", self.start_http() + "/?study=large", str(total)], cwd=WEB, capture_output=True, text=True,
                              timeout=300, env={**self.env, "CHROMIUM": chromium,
                                                **({"SEXTANT_STRICT_TIMES": "1"} if "SEXTANT_STRICT_TIMES" in os.environ else {})}, check=False)
        print(done.stdout, done.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_in_a_browser(self):
        chromium = self.need_browser()
        report, hostile = self.make_rich_report(), self.make_hostile_report()
        ledger = self.make_ledger_report(report)
        url = self.start_http()
        screenshots = os.environ.get("SEXTANT_SCREENSHOTS", "")
        done = subprocess.run(["node", "test/page_test.mjs", report, hostile, ledger, url,
                               *([str(pathlib.Path(screenshots).absolute())] if screenshots else [])],
                              cwd=WEB, capture_output=True, text=True, timeout=500, env={**self.env, "CHROMIUM": chromium}, check=False)
        print(done.stdout, done.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    cli_support.main()
