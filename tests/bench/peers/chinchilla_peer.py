#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sextant against numpy and scipy on the runs of Besiroglu et al. 2024, in one run, by CPU time.

Usage: chinchilla_peer.py PATH_TO_solve_bench [--starts 90] [--replicates 4000] [--rounds 3]

The peers are the fastest honest versions known to us: analytic gradients, log-sum-exp, one numpy pass an evaluation;
  fit        scipy L-BFGS-B from the 4500-start grid of Hoffmann et al. 2022 (a sample of it, scaled up);
  bootstrap  all resamples at once: damped Newton with the exact Hessian, batched over resamples with numpy, one
             warm start each; and scipy BFGS a resample (a sample, scaled up).
Rounds are interleaved and the fastest of each side counts: machines throttle.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
from scipy.optimize import minimize  # noqa: E402

DELTA = 1e-3
OPTIMUM = 0.00101827401780060
HERE = os.path.dirname(os.path.abspath(__file__))
RUNS = os.path.join(HERE, "../../../../shared/data/chinchilla-epoch/runs.csv")


def read_runs():
    table = np.genfromtxt(RUNS, delimiter=",", names=True)
    return np.log(table["N"]), np.log(table["D"]), np.log(table["loss"]), table["used"] == 1


def objective(x, log_n, log_d, log_loss, weights):
    """Sum of huber and its gradient; x = ln A, ln B, ln E, alpha, beta."""
    a, b, e, alpha, beta = x
    size, data = a - alpha * log_n, b - beta * log_d
    top = np.maximum(np.maximum(size, data), e)
    size, data, floor = np.exp(size - top), np.exp(data - top), np.exp(e - top)
    total = size + data + floor
    residual = top + np.log(total) - log_loss
    slope = np.clip(residual, -DELTA, DELTA)
    value = np.dot(weights, slope * (residual - 0.5 * slope))
    slope = slope * weights / total
    by_size, by_data = slope * size, slope * data
    return value, np.array(
        [by_size.sum(), by_data.sum(), np.dot(slope, floor), -np.dot(by_size, log_n), -np.dot(by_data, log_d)]
    )


def scipy_fit_grid(runs, count):
    """CPU seconds a start of BFGS over a sample of the usual grid, and the share that reaches the optimum."""
    log_n, log_d, log_loss = (column[runs[3]] for column in runs[:3])
    weights = np.ones(len(log_n))
    grid = list(
        itertools.product(
            np.arange(0, 30, 5), np.arange(0, 30, 5), np.arange(-1, 1.5, 0.5), np.arange(0, 2.5, 0.5), np.arange(0, 2.5, 0.5)
        )
    )
    sample = [grid[i] for i in np.linspace(0, len(grid) - 1, count).astype(int)]
    reached = 0
    begin = time.process_time()
    for start in sample:
        with np.errstate(all="ignore"):
            found = minimize(
                objective, start, args=(log_n, log_d, log_loss, weights), jac=True, method="L-BFGS-B",
                options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000, "maxfun": 20000},
            )
        reached += found.fun <= OPTIMUM * (1 + 1e-6)
    return (time.process_time() - begin) / count, reached / count, len(grid)


def scipy_bootstrap(runs, start, counts):
    """CPU seconds a resample of BFGS from the estimate."""
    log_n, log_d, log_loss = runs[:3]
    begin = time.process_time()
    for weights in counts:
        minimize(objective, start, args=(log_n, log_d, log_loss, weights), jac=True, method="BFGS", options={"gtol": 1e-10})
    return (time.process_time() - begin) / len(counts)


def evaluate_batch(x, log_n, log_d, log_loss, weights, delta):
    """Value, gradient and Hessian of every resample; x is resamples x 5, weights resamples x points."""
    size = np.exp(x[:, 0:1] - x[:, 3:4] * log_n)
    data = np.exp(x[:, 1:2] - x[:, 4:5] * log_d)
    floor = np.exp(x[:, 2:3])
    total = size + data + floor
    residual = np.log(total) - log_loss
    slope = np.clip(residual, -delta, delta)
    value = np.einsum("ri,ri->r", weights, slope * (residual - 0.5 * slope))
    inside = weights * (np.abs(residual) <= delta)
    slope *= weights
    size /= total
    data /= total
    floor = floor / total
    # Derivatives of ln L: p = size share, q = data share, f = floor share; those by alpha and beta are -p ln N, -q ln D.
    shares = (size, data, floor)
    gradient = np.empty((len(x), 5))
    hessian = np.empty((len(x), 5, 5))
    columns = (size, data, floor, -size * log_n, -data * log_d)
    curvature = inside - slope
    for i, column in enumerate(columns):
        gradient[:, i] = np.einsum("ri,ri->r", slope, column)
        scaled = curvature * column
        for j in range(i + 1):
            hessian[:, i, j] = hessian[:, j, i] = np.einsum("ri,ri->r", scaled, columns[j])
    # Second derivatives of the terms themselves.
    for i, share in enumerate(shares):
        hessian[:, i, i] += gradient[:, i]
    for i, k, log_x in ((0, 3, log_n), (1, 4, log_d)):
        cross = -np.einsum("ri,i->r", slope * shares[i], log_x)
        hessian[:, i, k] += cross
        hessian[:, k, i] += cross
        hessian[:, k, k] += np.einsum("ri,i->r", slope * shares[i], log_x * log_x)
    return value, gradient, hessian


def numpy_polish(runs, x, weights, delta, tolerance):
    """Damped Newton on every resample at once; returns the points and their objectives."""
    log_n, log_d, log_loss = runs[:3]
    x = x.copy()
    value, gradient, hessian = evaluate_batch(x, log_n, log_d, log_loss, weights, delta)
    damping = np.zeros(len(x))
    active = np.arange(len(x))
    identity = np.eye(5)
    for _ in range(200):
        diagonal = np.abs(np.einsum("rii->ri", hessian[active]))
        diagonal = np.maximum(diagonal, 1e-5 * diagonal.sum(axis=1, keepdims=True))
        values, vectors = np.linalg.eigh(
            (hessian[active] + damping[active, None, None] * diagonal[:, :, None] * identity)
        )
        # Indefinite directions are followed downhill.
        values = np.maximum(np.abs(values), 1e-12 * np.abs(values).max(axis=1, keepdims=True))
        step = -np.einsum("rij,rj,rkj,rk->ri", vectors, 1 / values, vectors, gradient[active])
        predicted = -0.5 * np.einsum("ri,ri->r", step, gradient[active])
        moving = predicted > tolerance * value[active]
        active, step = active[moving], step[moving]
        if len(active) == 0:
            break
        trial = x[active] + step
        with np.errstate(all="ignore"):
            new = evaluate_batch(trial, log_n, log_d, log_loss, weights[active], delta)
        better = new[0] < value[active]
        good = active[better]
        x[good] = trial[better]
        value[good], gradient[good], hessian[good] = new[0][better], new[1][better], new[2][better]
        damping[good] = np.where(damping[good] < 1e-4, 0, damping[good] / 8)
        bad = active[~better]
        damping[bad] = np.maximum(4 * damping[bad], 1e-3)
        active = active[damping[active] < 1e12]
    return x, value


def numpy_bootstrap(runs, start, counts, widenings):
    """CPU seconds for all resamples together: one warm start, then one more through a wider delta for each widening."""
    begin = time.process_time()
    weights = counts.astype(float)
    best, value = numpy_polish(runs, np.tile(start, (len(counts), 1)), weights, DELTA, 1e-11)
    for widening in widenings:
        wide, _ = numpy_polish(runs, best, weights, widening * DELTA, 1e-4)
        point, found = numpy_polish(runs, wide, weights, DELTA, 1e-11)
        better = found < value
        best[better], value[better] = point[better], found[better]
    return time.process_time() - begin, value


def sextant(bench, replicates):
    output = subprocess.run(
        [bench, "--json", "--no-reference", "--no-parallel", "--replicates", str(replicates)],
        check=True, capture_output=True, text=True,
    ).stdout
    return {row["name"]: row["value"] for row in map(json.loads, output.splitlines())}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", help="the solve_bench binary")
    parser.add_argument("--starts", type=int, default=90)
    parser.add_argument("--replicates", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if not os.path.exists(RUNS):
        print("chinchilla_peer.py: needs ../shared/data/chinchilla-epoch/runs.csv", file=sys.stderr)
        return 77
    runs = read_runs()
    every = np.ones(len(runs[0]))
    found = minimize(
        objective, [6.2, 9.4, 0.64, 0.35, 0.45], args=(*runs[:3], every), jac=True, method="BFGS", options={"gtol": 1e-10}
    )
    generator = np.random.default_rng(1)
    points = len(runs[0])
    counts = np.stack(
        [np.bincount(generator.integers(0, points, points), minlength=points) for _ in range(arguments.replicates)]
    )
    best = {}

    def keep(name, value):
        best[name] = min(best.get(name, np.inf), value)

    for _ in range(arguments.rounds):
        ours = sextant(arguments.bench, arguments.replicates)
        keep("sextant fit", ours["cold_fit_cpu"])
        keep("sextant bootstrap", ours["bootstrap_cpu"])
        a_start, reached, grid = scipy_fit_grid(runs, arguments.starts)
        keep("scipy start", a_start)
        keep("scipy resample", scipy_bootstrap(runs, found.x, counts[: min(100, len(counts))]))
        seconds, once = numpy_bootstrap(runs, found.x, counts, ())
        keep("numpy once", seconds)
        seconds, thrice = numpy_bootstrap(runs, found.x, counts, (10, 3))
        keep("numpy thrice", seconds)
    scipy_fit = best["scipy start"] * grid
    scipy_resamples = best["scipy resample"] * arguments.replicates
    print(f"fit, scipy L-BFGS-B     {scipy_fit:10.3f} s   {1e3 * best['scipy start']:.2f} ms a start x {grid}; "
          f"{100 * reached:.0f} % of the sampled starts reach the optimum")
    print(f"fit, Sextant            {best['sextant fit']:10.6f} s   to the same optimum, {ours['cold_fit_gap_to_known_optimum']:+.1e} relative")
    print(f"fit, ratio              {scipy_fit / best['sextant fit']:10.0f} x")
    print(f"bootstrap, scipy BFGS   {scipy_resamples:10.3f} s   {arguments.replicates} resamples, one warm start each (from 100)")
    short = 100 * np.mean(once > thrice * (1 + 1e-8))
    print(f"bootstrap, numpy Newton {best['numpy once']:10.3f} s   batched, one warm start each; {short:.2f} % miss what three find")
    print(f"bootstrap, numpy Newton {best['numpy thrice']:10.3f} s   batched, the same three starts each as Sextant")
    print(f"bootstrap, Sextant      {best['sextant bootstrap']:10.3f} s   {arguments.replicates} resamples, three starts each")
    print(f"bootstrap, ratio        {best['numpy thrice'] / best['sextant bootstrap']:10.1f} x at equal work, "
          f"{min(scipy_resamples, best['numpy once']) / best['sextant bootstrap']:.1f} x the fastest peer with one start")
    return 0


if __name__ == "__main__":
    sys.exit(main())
