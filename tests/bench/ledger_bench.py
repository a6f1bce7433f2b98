#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ledger on real runs: fits of the two smallest sizes of data/calibration/h100-lines-t128, a sealed forecast of every
cell of the two larger sizes, then those runs, scored; then every other run of the largest size at 30 and 60 % of its steps,
watched against its forecast. Prints the report and how often an alert was right. Needs SEXTANT_BIN_DIR; about a minute."""
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

BIN = pathlib.Path(os.environ["SEXTANT_BIN_DIR"])
DATA = pathlib.Path(__file__).resolve().parents[2] / "data" / "calibration" / "h100-lines-t128" / "runs.jsonl"
HORIZONS = (5e6, 1.6e7, 4.8e7)
SPLIT = 1e6  # parameters: smaller sizes are fitted


def main():
    with tempfile.TemporaryDirectory(prefix="sextant-ledger-") as folder:
        folder = pathlib.Path(folder)

        def cli(*args):
            command = [str(BIN / "sextant"), "--db", str(folder / "runs.db"), *map(str, args)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"{args}: {done.stderr}")
            return done.stdout

        def put(runs):
            path = folder / "runs.jsonl"
            path.write_text("".join(json.dumps(run) + "\n" for run in runs))
            cli("runs", "import", path, "--study", "s")

        def forecast_of(run):
            tokens = min(HORIZONS, key=lambda d: abs(d - run["tokens"]))
            return f"n{run['params_non_embedding']}-d{int(tokens / 1e6)}", run["params_non_embedding"], tokens

        runs = [json.loads(line) for line in DATA.read_text().splitlines()]
        large = [run for run in runs if run["params_non_embedding"] > SPLIT]
        cli("studies", "create", "s")
        put([run for run in runs if run["params_non_embedding"] <= SPLIT])
        for law in ("lr-power-nd", "batch-power-d", "loss-average"):
            cli("fits", "create", "--study", "s", "--law", law, "--bootstrap", 300)
        for name, params, tokens in sorted({forecast_of(run) for run in large}):
            cli("forecasts", "create", "--study", "s", "--params", params, "--tokens", tokens, "--id", name)
        put(large)
        print(cli("forecasts", "score", "--study", "s"))

        largest = max(run["params_non_embedding"] for run in large)
        counts = collections.Counter()
        for number, run in enumerate([run for run in large if run["params_non_embedding"] == largest][::2]):
            for share in (0.3, 0.6):
                keep = [i for i, step in enumerate(run["curve"]["step"]) if float(step) <= share * run["steps"]]
                curve = {name: [column[i] for i in keep] for name, column in run["curve"].items()
                         if isinstance(column, list) and column}
                flying = dict(run, curve=curve, state="RUNNING", run_id=f"flying-{number}-{share}")
                del flying["loss_nats"]
                put([flying])
                outlook = json.loads(cli("-o", "json", "runs", "watch", "s/" + flying["run_id"], "--once", "--forecast",
                                         forecast_of(run)[0]))
                band = outlook["forecast_loss"]
                outside = not band["low"] <= run["loss_nats"] <= band["high"]
                alerts = {alert["kind"] for alert in outlook["alerts"]}
                counts[("left-band" if "left-band" in alerts else "no alert") +
                       (", the run ended outside" if outside else ", the run ended inside")] += 1
                for kind in alerts - {"left-band"}:
                    counts[kind] += 1
        for what, count in sorted(counts.items()):
            print(f"{count:4} looks: {what}")


if __name__ == "__main__":
    main()
