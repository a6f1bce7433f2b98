#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time and memory of `sextant runs import` over mixed logs that it makes, next to reading the same bytes.

usage: import_bench.py BIN_DIR [MEGABYTES]   (1000 by default; needs twice that in the temporary folder)
Prints CPU seconds (user and system), the largest resident set, runs and points, and the same of `cat`.
"""
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

STEPS = 100_000


def loss(step):
    return 2.5 + 8 / (1 + step / 50) ** 0.5


def llmc_log(file):
    for step in range(STEPS):
        if step % 250 == 0:
            file.write(f"s:{step} tel:{loss(step) + 0.01:.4f}\n")
        file.write(f"s:{step} trl:{loss(step):.4f} lr:{6e-4:.6f} norm:{0.71:.2f}\n")


def llmc_output(file):
    file.write("| sequence length T     | 1024     |\n| total batch size      | 524288   |\n")
    for step in range(1, STEPS + 1):
        file.write(f"step {step:4d}/{STEPS} | loss {loss(step):.6f} (-0.21z)| norm 0.7102 (+0.10z)| lr 2.14e-04 | "
                   f"196.31 ms | 48.9% bf16 MFU | 2670115 tok/s\n")


def megatron(file):
    file.write("  seq_length ...................................... 2048\n")
    for step in range(1, STEPS + 1):
        file.write(f" iteration {step:8d}/{STEPS:8d} | consumed samples: {step * 512:12d} | elapsed time per iteration "
                   f"(ms): 812.4 | learning rate: 2.850000E-04 | global batch size:   512 | lm loss: {loss(step):.6E} | "
                   "loss scale: 1.0 | grad norm: 0.412 | number of skipped iterations:   0 | number of nan iterations:   0 |\n")


def modded(file):
    for step in range(1, STEPS + 1):
        file.write(f"step:{step}/{STEPS} train_loss:{loss(step):.4f} train_time:{step * 60}ms step_avg:60.74ms\n")


def history(file):
    for step in range(STEPS):
        row = {"_step": step, "_runtime": step * 0.5, "train/loss": loss(step), "lr": 5.8e-4, "grad_norm": 0.5,
               "throughput/total_tokens": step * 524288}
        file.write(json.dumps(row) + "\n")


def trainer_state(file):
    rows = [{"epoch": step / STEPS, "grad_norm": 0.8, "learning_rate": 2.8e-4, "loss": loss(step), "step": step}
            for step in range(1, STEPS + 1)]
    json.dump({"global_step": STEPS, "max_steps": STEPS, "log_history": rows}, file, indent=2)


def step_csv(file):
    file.write("epoch,lr-AdamW,step,train_loss,val_loss\n")
    for step in range(STEPS):
        file.write(f"0,0.0003,{step},{loss(step)},\n")


MAKERS = {"llmc.log": llmc_log, "llmc.txt": llmc_output, "megatron.log": megatron, "modded.txt": modded,
          "history.jsonl": history, "trainer_state.json": trainer_state, "metrics.csv": step_csv}


def make(folder, total):
    made = number = 0
    while made < total:
        for name, maker in MAKERS.items():
            path = folder / f"run{number}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "w") as file:
                maker(file)
            made += path.stat().st_size
        number += 1
    return made


def measured(command, env):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    return out, os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    binary = pathlib.Path(sys.argv[1]) / "sextant"
    megabytes = float(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with tempfile.TemporaryDirectory(prefix="sextant-import-bench-") as name:
        folder = pathlib.Path(name)
        made = make(folder / "logs", megabytes * 1e6)
        env = dict(os.environ, XDG_DATA_HOME=name)
        command = [binary, "--db", folder / "runs.db", "-o", "json", "runs", "import", folder / "logs", "--study", "s",
                   "--create-study", "--set", "params_non_embedding=1e8", "--set", "batch_size_tokens=524288"]
        out, code, cpu_s, rss_mb = measured(command, env)
        result = json.loads(out)
        print(f"{made / 1e6:.0f} MB of logs, {result['accepted']} runs accepted, {result['rejected']} rejected, exit {code}")
        print(f"sextant runs import: {cpu_s:.2f} s of CPU, {made / 1e6 / cpu_s:.0f} MB/s, {rss_mb:.0f} MB resident at most")
        files = [str(path) for path in sorted((folder / "logs").rglob("*")) if path.is_file()]
        _, _, cat_s, _ = measured(["cat", *files], env)
        print(f"cat of the same files: {cat_s:.2f} s of CPU")


if __name__ == "__main__":
    main()
