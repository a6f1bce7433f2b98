#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print the tables of docs/loop.md ("The loop closed on a GPU", "Branches against runs trained alone") from the records
beside this file."""
import csv
import hashlib
import json
import math
import pathlib
import statistics

HERE = pathlib.Path(__file__).resolve().parent


def records(name):
    with open(HERE / name, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def rows(name):
    with open(HERE / name, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def spread(values):
    return statistics.stdev(values) if len(values) > 1 else float("nan")


def millions(tokens):
    return f"{tokens / 1e6:.3g}M"


def curve_digest(record):
    return hashlib.sha256(json.dumps(record["curve"]).encode()).hexdigest()


def horizons():
    """Branches against runs of the same horizon trained alone, at the best of the rates by the mean over seeds."""
    all_runs = records("horizons.jsonl")
    branches = [r for r in all_runs if r["tags"]["branch"] == "horizon"]
    trunks = [r for r in all_runs if r["tags"]["branch"] == "trunk"]
    alone = {}
    for row in rows("alone.csv"):
        alone.setdefault(row["kind"], {})[float(row["tokens"]), float(row["learning_rate"]), int(row["seed"])] = row
    key = lambda r: (r["tokens"], r["learning_rate"], r["seed"])
    same = sum(alone["same"][key(r)]["curve_sha256"] == curve_digest(r) for r in branches)
    own = sum(float(r["tags"]["flops_own"]) for r in branches) + sum(r["flops"] for r in trunks)
    full = sum(r["flops"] for r in branches)
    print(f"{same} of {len(branches)} branches have the curve of the run trained alone, to the bit; "
          f"{100 * own / full:.1f} % of the FLOPs\n")
    print("| tokens | branch | alone, own warm-up | alone, cosine |")
    print("|---|---|---|---|")
    by = {"branch": {key(r): r["loss_nats"] for r in branches}}
    for kind in ("wsd", "cosine"):
        by[kind] = {k: float(row["loss_nats"]) for k, row in alone[kind].items()}
    for tokens in sorted({k[0] for k in by["branch"]}):
        cells = []
        for kind in ("branch", "wsd", "cosine"):
            rates = {}
            for (at, rate, _), loss in by[kind].items():
                if at == tokens:
                    rates.setdefault(rate, []).append(loss)
            rate = min(rates, key=lambda r: statistics.mean(rates[r]))
            cells.append(f"{statistics.mean(rates[rate]):.4f} +- {spread(rates[rate]):.4f} ({rate:g})")
        print(f"| {millions(tokens)} | " + " | ".join(cells) + " |")
    print()


def batches():
    """Loss after the same tokens from one checkpoint, over that at the smallest batch: percent, mean and spread over trunks."""
    losses = {}
    for r in records("batches.jsonl"):
        if r["tags"]["branch"] == "batch":
            at = int(r["tags"]["branch_tokens"]), r["batch_size_tokens"]
            losses.setdefault(at, {})[r["seed"]] = r["loss_nats"]
    sizes = sorted({batch for _, batch in losses})
    print("| branch at | " + " | ".join(str(size) for size in sizes) + " |")
    print("|" + "---|" * (len(sizes) + 1))
    for point in sorted({at for at, _ in losses}):
        cells = []
        for size in sizes:
            over = [100 * math.log(loss / losses[point, sizes[0]][seed]) for seed, loss in losses[point, size].items()]
            cells.append(f"{statistics.mean(over):+.2f} +- {spread(over):.2f}" if size != sizes[0] else "0")
        print(f"| {millions(point)} | " + " | ".join(cells) + " |")
    print()


def calibration_rounds():
    names = [f"round{number}.jsonl" for number in range(1, 100)]
    return [records(name) for name in names if (HERE / name).exists()]


def calibration():
    print("| round | runs | sizes (N) | tokens | FLOPs | believed rate, batch at the target |")
    print("|---|---|---|---|---|---|")
    everything = []
    for number, runs in enumerate(calibration_rounds(), 1):
        everything += runs
        sizes = ", ".join(f"{n / 1e3:.0f}K" for n in sorted({r["params_non_embedding"] for r in runs}))
        tokens = [r["tokens"] for r in runs]
        with open(HERE / f"round{number}.suggest.json", encoding="utf-8") as answer:
            before = json.load(answer)["target"]
        print(f"| {number} | {len(runs)} | {sizes} | {millions(min(tokens))} to {millions(max(tokens))} | "
              f"{sum(r['flops'] for r in runs):.3g} | {before['before']['value']:.2g}, {before['batch_before']['value']:.2g} |")
    largest = max(r["flops"] for r in everything)
    target_run = records("target.jsonl")[0]
    print(f"\n{len(everything)} runs, {sum(r['flops'] for r in everything):.3g} FLOPs, the largest {largest:.3g}; the "
          f"target {target_run['flops']:.3g}, {target_run['flops'] / largest:.1f} times the largest\n")


def cells():
    """Of each size and horizon the best run, and whether it lies at an edge of what was tried there."""
    found = {}
    for run in (run for runs in calibration_rounds() for run in runs):
        size = round(run["params_non_embedding"], -3)
        near = [at for at in found if at[0] == size and abs(math.log(at[1] / run["tokens"])) < 0.1]
        found.setdefault(near[0] if near else (size, run["tokens"]), []).append(run)
    print("| N | tokens | runs | best loss | its rate (tried) | its batch (tried) |")
    print("|---|---|---|---|---|---|")
    for (size, tokens), runs in sorted(found.items()):
        best = min(runs, key=lambda r: r["loss_nats"])
        rates = [r["learning_rate"] for r in runs]
        tried = [r["batch_size_tokens"] for r in runs]
        print(f"| {size / 1e3:.0f}K | {millions(tokens)} | {len(runs)} | {best['loss_nats']:.4f} | {best['learning_rate']:.2g} "
              f"({min(rates):.2g} to {max(rates):.2g}) | {best['batch_size_tokens']} ({min(tried)} to {max(tried)}) |")
    print()


def target_runs():
    names = ("target.jsonl", "target-wide.jsonl")
    return [r for name in names for r in records(name) if not isinstance(r["loss_nats"], str)]


def prediction(name):
    with open(HERE / f"predict-{name}.json", encoding="utf-8") as answer:
        return json.load(answer)["predictions"][0]


def outcome():
    """The sealed forecast against what the target's runs came to."""
    runs = target_runs()
    best = min(runs, key=lambda r: r["loss_nats"])
    tried = next(r for r in runs if r["seed"] > 1)  # only the setting of the forecast was repeated
    there = [r["loss_nats"] for r in runs
             if (r["learning_rate"], r["batch_size_tokens"]) == (tried["learning_rate"], tried["batch_size_tokens"])]
    measured = statistics.mean(there)
    print("| | forecast | 90 % interval | measured |")
    print("|---|---|---|---|")
    rate, batch, loss = (prediction(name)[field] for name, field in
                         (("belief", "learning_rate"), ("fits", "batch_size_tokens"), ("fits", "loss")))
    print(f"| rate | {rate['value']:.3g} | {rate['low']:.2g} to {rate['high']:.2g} | best of the grid {best['learning_rate']:.3g} |")
    print(f"| batch | {batch['value']:.0f} | {batch['low']:.0f} to {batch['high']:.0f} | best of the grid "
          f"{best['batch_size_tokens']} |")
    print(f"| loss | {loss['value']:.4f} | {loss['low']:.3f} to {loss['high']:.3f} | {measured:.4f} +- {spread(there):.4f} "
          f"({len(there)} seeds at the forecast) |")
    print(f"\nloss forecast {100 * math.log(loss['value'] / measured):+.2f} %; given away at the forecast "
          f"{100 * (measured / best['loss_nats'] - 1):.2f} %\n")


def target():
    mean = {}
    for r in target_runs():
        mean.setdefault((r["batch_size_tokens"], r["learning_rate"]), []).append(r["loss_nats"])
    mean = {at: statistics.mean(losses) for at, losses in mean.items()}
    rates = sorted({rate for _, rate in mean})
    print("| batch, rate | " + " | ".join(f"{rate:.3g}" for rate in rates) + " |")
    print("|" + "---|" * (len(rates) + 1))
    for batch in sorted({batch for batch, _ in mean}):
        cells = [f"{mean[batch, rate]:.4f}" if (batch, rate) in mean else "" for rate in rates]
        print(f"| {batch} | " + " | ".join(cells) + " |")
    print()


if __name__ == "__main__":
    for table in (horizons, batches, calibration, cells, outcome, target):
        table()
