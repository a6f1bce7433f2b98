# SPDX-License-Identifier: Apache-2.0
"""What the importers make of other people's logs, against parsers of its own.

Reads the archive of real logs that stands next to the checkout (../shared/data/real-logs.tar.xz) and the golden files,
and compares points, losses, rates, steps, tokens and states with what import_dump prints. Skips when the archive is not
there. Each parser here goes by the format's description and shares nothing with the importers.
"""
import json
import math
import os
import pathlib
import re
import sqlite3
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["SEXTANT_SOURCE_DIR"])
DUMP = pathlib.Path(os.environ["SEXTANT_BIN_DIR"]) / "import_dump"
ARCHIVE = SOURCE.parent / "shared/data/real-logs.tar.xz"
BATCH = 1000


def number(text):
    """A number as text, or None."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


class Expected:
    """What a parser here finds of one run: {step: value} by quantity."""

    def __init__(self):
        self.train, self.validation, self.rate, self.tokens = {}, {}, {}, {}
        self.steps = self.state = self.peak = self.final = self.run_tokens = None


def last_line_whole(text, end):
    """The lines of a text, the last one left out when it has no newline and does not end as it should."""
    lines = text.split("\n")
    if lines and lines[-1] and not lines[-1].rstrip().endswith(end):
        lines.pop()
    return lines


def parse_megatron(path):
    run = Expected()
    batch = sequence = None
    samples = {}
    text = path.read_text(errors="replace")
    for line in text.split("\n"):
        dump = re.match(r".*?\bseq_length \.\.\.+ (\d+)", line)
        if dump:
            sequence = int(dump.group(1))
        validated = re.search(r"validation loss at iteration (\d+) \|.*?lm loss value: (\S+)", line)
        if validated and "on test set" not in line:
            run.validation[int(validated.group(1))] = float(validated.group(2))
        match = re.search(r"iteration\s+(\d+)/\s*(\d+) \|(.*)", line)
        if not match:
            continue
        step = int(match.group(1))
        planned = int(match.group(2))
        run.steps = step
        for field in match.group(3).split("|"):
            name, _, value = field.rpartition(":")
            name, value = name.strip(), number(value)
            if value is None:
                continue
            if name in ("lm loss", "lm-loss"):
                run.train[step] = value
            elif name == "learning rate":
                run.rate[step] = value
            elif name == "consumed samples":
                samples[step] = value
            elif name == "global batch size":
                batch = value
    if sequence and samples:
        run.tokens = {step: count * sequence for step, count in samples.items()}
        run.run_tokens = run.tokens[run.steps]
    killed = re.search(r"slurmstepd: error: \*\*\*.*CANCELLED", text) is not None
    run.state = "finished" if run.steps and run.steps >= planned else "crashed" if killed else "running"
    if run.train and math.isnan(list(run.train.values())[-1]):
        run.state = "diverged"
    if not run.train:
        return None
    return run


def parse_llmc_output(path):
    run = Expected()
    text = path.read_text(errors="replace")
    step = 0
    for line in text.split("\n"):
        validated = re.match(r"val loss (\S+)", line)
        if validated:
            run.validation[step] = float(validated.group(1))
        match = re.match(r"step +(\d+)/(\d+) \| loss +(\S+) ", line)
        if not match:
            continue
        step, planned = int(match.group(1)), int(match.group(2))
        run.train[step] = float(match.group(3))
        rate = re.search(r"\| lr (\S+) ", line)
        if rate:
            run.rate[step] = float(rate.group(1))
    run.steps = step
    last = run.train[step] if run.train else None
    killed = re.search(r"slurmstepd: error: \*\*\*.*CANCELLED", text) is not None
    run.state = "running" if step < planned else "finished"
    if killed and step < planned:
        run.state = "crashed"
    if last is not None and math.isnan(last):
        run.state = "diverged"
    peak = re.search(r"learning rate \(LR\) +\| (\S+)", text)
    run.peak = float(peak.group(1)) if peak else None
    return run


def parse_llmc_log(path):
    run = Expected()
    for line in path.read_text().split("\n")[:-1]:  # the last one has no newline
        words = dict(word.split(":", 1) for word in line.split())
        step = int(words["s"])
        if "tel" in words:
            run.validation[step] = float(words["tel"])
        if "trl" in words:
            run.train[step + 1] = float(words["trl"])
            run.rate[step + 1] = float(words["lr"])
    run.steps, run.state = max(run.train), "running"
    return run


def parse_build_nanogpt(path):
    run = Expected()
    for line in path.read_text().split("\n"):
        match = re.fullmatch(r"(\d+) (train|val) (\S+)", line)
        if match and match.group(2) == "val":
            run.validation[int(match.group(1))] = float(match.group(3))
        elif match:
            run.train[int(match.group(1)) + 1] = float(match.group(3))
    run.steps, run.state = max(run.train), "running"
    return run


def parse_modded(path):
    run = Expected()
    text = path.read_text()
    for line in text.split("\n"):
        match = re.match(r"step:(\d+)/(\d+) (.*)", line)
        if not match:
            continue
        step, planned = int(match.group(1)), int(match.group(2))
        for key, into in (("train_loss", run.train), ("val_loss", run.validation)):
            value = re.search(rf"\b{key}:(\S+)", match.group(3))
            if value:
                into[step] = float(value.group(1))
    run.steps = max(list(run.train) + list(run.validation))
    run.state = "finished" if run.steps >= planned or "stopping_early" in text else "running"
    return run


def parse_trainer_state(path):
    run = Expected()
    state = json.loads(path.read_text())
    for row in state["log_history"]:
        step = row["step"]
        for key, into in (("loss", run.train), ("eval_loss", run.validation), ("learning_rate", run.rate)):
            if key in row:
                into[step] = row[key]
    run.steps = state["global_step"]
    run.state = "finished" if run.steps >= state["max_steps"] else "running"
    run.peak = max(run.rate.values())
    if state.get("num_input_tokens_seen"):
        run.run_tokens = state["num_input_tokens_seen"]
    return run


def parse_llamafactory(path):
    run = Expected()
    for line in path.read_text().splitlines():
        row = json.loads(line)
        run.steps, planned = row["current_steps"], row["total_steps"]
        if "loss" in row:
            run.train[run.steps] = row["loss"]
        if "learning_rate" in row:
            run.rate[run.steps] = row["learning_rate"]
    run.state = "finished" if run.steps == planned else "running"
    return run


def parse_ms_swift(path):
    run = Expected()
    for line in path.read_text().splitlines():
        row = json.loads(line)
        if "global_step/max_steps" not in row:
            continue
        run.steps, planned = (int(part) for part in row["global_step/max_steps"].split("/"))
        for key, into in (("loss", run.train), ("eval_loss", run.validation), ("learning_rate", run.rate)):
            if key in row:
                into[run.steps] = row[key]
    run.state = "finished" if run.steps == planned else "running"
    return run


def parse_csv(path, names, step_column="step"):
    run = Expected()
    lines = path.read_text().splitlines()
    header = lines[0].split(",")
    for line in lines[1:]:
        cells = dict(zip(header, line.split(",")))
        step = int(float(cells[step_column]))
        for into, name in zip((run.train, run.validation, run.rate), names):
            value = number(cells.get(name))
            if value is not None:
                into[step] = value
        run.steps = step
    run.state = "running"
    return run


def parse_chart(path):
    run = Expected()
    for line in path.read_text().splitlines()[1:]:
        cells = [cell.strip('"') for cell in line.split(",")]
        run.train[int(cells[0])] = float(cells[1])
    run.steps, run.state = max(run.train), "running"
    return run


def parse_jsonl(path, names, step_key="step", offset=0):
    run = Expected()
    for line in path.read_text().splitlines():
        row = json.loads(line)
        step = row[step_key] + offset
        for into, name in zip((run.train, run.validation, run.rate), names):
            if name in row:
                into[step] = row[name]
        run.steps = step
    run.state = "running"
    return run


# TensorBoard: records of length, checksum, event, checksum; protobuf by hand.
def fields(message):
    at = 0

    def varint():
        nonlocal at
        shift = value = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, varint()
        elif kind == 1:
            yield tag >> 3, message[at:at + 8]
            at += 8
        elif kind == 5:
            yield tag >> 3, message[at:at + 4]
            at += 4
        else:
            size = varint()
            yield tag >> 3, message[at:at + size]
            at += size


def tensor_value(tensor):
    kind, raw, listed = 1, b"", None
    for tag, value in fields(tensor):
        if tag == 1:
            kind = value
        elif tag == 4:
            raw = value
        elif tag == 5:
            listed = struct.unpack("<f", value[:4])[0]
    if raw:
        return struct.unpack("<f" if kind == 1 else "<d", raw)[0]
    return listed


def tensorboard_points(path):
    """(tag, step, value) of every scalar, in order."""
    data, at = path.read_bytes(), 0
    while at + 12 <= len(data):
        size = struct.unpack("<Q", data[at:at + 8])[0]
        if at + 16 + size > len(data):
            return
        event = data[at + 12:at + 12 + size]
        at += 16 + size
        step, summaries = 0, []
        for tag, value in fields(event):
            if tag == 2:
                step = value
            elif tag == 5:
                summaries.append(value)
        for summary in summaries:
            for tag, value in fields(summary):
                name = scalar = tensor = None
                for inner, content in fields(value):
                    if inner == 1:
                        name = content.decode()
                    elif inner == 2:
                        scalar = struct.unpack("<f", content)[0]
                    elif inner == 8:
                        tensor = content
                if scalar is None and tensor is not None:
                    scalar = tensor_value(tensor)
                if name is not None and scalar is not None:
                    yield name, step, scalar


def parse_lightning_events(folder):
    run = Expected()
    for path in sorted(folder.glob("events.out.tfevents*")):
        for name, step, value in tensorboard_points(path):
            if name == "train_loss_step":
                run.train[step] = value
            elif name == "val_loss":
                run.validation[step] = value
    run.state = "running"
    return run


# W&B's transaction log, by hand: blocks of 32 KiB, chunks of crc, length, type.
def wandb_records(path):
    data, at, joined = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        size, kind = struct.unpack("<HB", data[at + 4:at + 7])
        body = data[at + 7:at + 7 + size]
        if len(body) < size:
            return
        at += 7 + size
        joined = body if kind in (1, 2) else joined + body
        if kind in (1, 4):
            yield joined


def wandb_items(message):
    for tag, item in fields(message):
        if tag != 1:
            continue
        key, text = "", ""
        for inner, value in fields(item):
            if inner == 1:
                key = value.decode()
            elif inner == 2:
                key += ("." if key else "") + value.decode()
            elif inner == 16:
                text = value.decode()
        yield key, text


def parse_wandb(path, step_key=None):
    run = Expected()
    run.state = "running"
    counted = 0
    for record in wandb_records(path):
        for tag, message in fields(record):
            if tag == 18:
                code = dict(fields(message)).get(1, 0)
                run.state = "finished" if code == 0 else "crashed"
            if tag != 2:
                continue
            row = {key: json.loads(text) for key, text in wandb_items(message)}
            step = row.get(step_key, row.get("_step")) if step_key else row.get("_step")
            if step_key:
                counted = row.get(step_key, counted)
                step = counted
            for into, names in ((run.train, ("train/loss",)), (run.validation, ("val/loss", "eval/loss")),
                                (run.rate, ("lr", "train/learning_rate"))):
                for name in names:
                    if name in row:
                        into[step] = row[name]
    return run


# Path in the archive, what it is told to be, and its parser. The batch is BATCH tokens where nothing tells.
FILES = {
    "AGNDM+build-nanogpt/log_bigger/log.txt": ("build-nanogpt", parse_build_nanogpt),
    "FloatingStory+CSE-5525-Default-Project/logs/sft-meta-llama-Llama-3.2-1B-20260411-141502/metrics.jsonl": (
        "history-jsonl", lambda path: parse_jsonl(path, ("train_mean_nll", "test/nll", "learning_rate"))),
    "HectorFCardenas+llm.c/gpt2_train.11672114.log": ("llmc-output", parse_llmc_output),
    "HectorFCardenas+llm.c/gpt2_train.11672255.log": ("llmc-output", parse_llmc_output),
    "HectorFCardenas+llm.c/gpt2_train.11679031.log": ("llmc-output", parse_llmc_output),
    "KellerJordan+modded-nanogpt/records/track_1_short/2024-10-10_Muon/eb5659d0-fb6a-49e5-a311-f1f89412f726.txt": (
        "modded-nanogpt", parse_modded),
    "KellerJordan+modded-nanogpt/records/track_1_short/2025-12-18_CautiousWDAdam/"
    "1981d492-bc65-4ba9-a0fa-2b30fc5c3eba.txt": ("modded-nanogpt", parse_modded),
    "openai+parameter-golf/records/track_10min_16mb/2026-03-17_NaiveBaseline/train.log": (
        "modded-nanogpt", parse_modded),
    "Levi-Magny+Train-Detectron2/output/metrics.json": (
        "detectron", lambda path: parse_jsonl(path, ("total_loss", "-", "lr"), "iteration", 1)),
    "SiddanthEmani+GPT-2-124M-CUDA/log124M/main.log": ("llmc-log", parse_llmc_log),
    "anonymousgigachad+llm-training/trainer_state.json": ("trainer-state", parse_trainer_state),
    "suzushi-tw+luojiu-7b-base/trainer_state.json": ("trainer-state", parse_trainer_state),
    "syGOAT+Mistral-v0.2-Translator-bf16/checkpoint-8500/trainer_state.json": (
        "trainer-state", parse_trainer_state),
    "syGOAT+Mistral-v0.2-Translator-bf16/trainer_log.jsonl": ("llamafactory", parse_llamafactory),
    "P4P4N1CK+whisper-large-v2-japanese-5k-steps/trainer_state.json": ("trainer-state", parse_trainer_state),
    "made-here/hf/trainer_state.json": ("trainer-state", parse_trainer_state),
    "lgc-FINANCE+DeepClima-R1/logging.jsonl": ("ms-swift", parse_ms_swift),
    "gradio-app+trackio/examples/logs.csv": ("wandb-chart", parse_chart),
    "0Xero7+slm_training/lightning_logs/version_0/metrics.csv": (
        "step-csv", lambda path: parse_csv(path, ("train_loss_step", "val_loss", "-"))),
    "0Xero7+slm_training/lightning_logs/version_12/metrics.csv": (
        "step-csv", lambda path: parse_csv(path, ("train_loss_step", "-", "-"))),
    "made-here/lightning/d32/version_0/metrics.csv": (
        "step-csv", lambda path: parse_csv(path, ("train_loss", "val_loss", "lr"))),
    "made-here/lightning/d48/version_0/metrics.csv": (
        "step-csv", lambda path: parse_csv(path, ("train_loss", "val_loss", "lr"))),
    "BullsEye268+da6401_assignment3/lightning_logs/version_0": ("tensorboard", parse_lightning_events),
    "BullsEye268+da6401_assignment3/lightning_logs/version_1": ("tensorboard", parse_lightning_events),
    "0Chris5R+StanfordCS336-Own-Transformer/wandb/run-20260118_160458-4s1rf4ay/run-4s1rf4ay.wandb": (
        "wandb", parse_wandb),
    "0Chris5R+StanfordCS336-Own-Transformer/wandb/run-20260118_175801-a5sov16l/run-a5sov16l.wandb": (
        "wandb", parse_wandb),
    "AbhijeetAnand23+LLM_Assignment_3/wandb/run-20241104_122915-6nfu6jdx/run-6nfu6jdx.wandb": (
        "wandb", lambda path: parse_wandb(path, "train/global_step")),
}

# What has to be refused, or passed over in a folder, and a part of the reason.
REFUSED = {
    "HectorFCardenas+llm.c/log124M/main.log": "Git LFS pointer",
    "bigscience-workshop+bigscience/experiments/gpt2-16gb-nodes.md": "a page of notes",
    "bigscience-workshop+bigscience/experiments/gpt2-meg/meg_gpt2_base_n4.slurm": "a script",
    "bigscience-workshop+bigscience/experiments/gpt2-meg-ds-zero/meg_ds_zero_gpt2_perf_n16.slurm": "a script",
    "optuna+optuna/tests/storages_tests/journal_tests/assets/4.0.0.dev.log": "a journal of Optuna",
    "0Chris5R+StanfordCS336-Own-Transformer/wandb/run-20260118_160117-qnw4jb71/run-qnw4jb71.wandb": "is empty",
}

# What has no run, and a part of the reason that its rejects give.
REJECTED = {
    "0Chris5R+StanfordCS336-Own-Transformer/wandb/run-20260118_154412-100qbxh9/run-100qbxh9.wandb": "made no step",
    "0kr0+MLOps-assignment1/code/models/mlruns": "no loss is known: there are 'accuracy'",
}


@unittest.skipUnless(ARCHIVE.exists(), f"there is no {ARCHIVE}")
class RealLogsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="sextant-real-logs-")
        cls.root = pathlib.Path(cls.folder.name)
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(cls.root)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def dump(self, path, *flags):
        """What import_dump prints of a path: its inputs, and what was passed over."""
        done = subprocess.run(
            [DUMP, "--set", "params_total=1e6", "--set", f"batch_size_tokens={BATCH}", *flags, str(self.root / path)],
            capture_output=True, text=True, check=True)
        inputs = [json.loads(line) for line in done.stdout.splitlines()]
        # What a folder holds that is of no format has an empty one.
        return [each for each in inputs if each.get("format") != "" or len(inputs) == 1], done.stderr

    def same_series(self, name, run, column, expected):
        got = {int(step): value for step, value in zip(run.get("step", []), run.get(column, []))
               if not math.isnan(value)}
        want = {step: struct.unpack("<f", struct.pack("<f", value))[0] for step, value in expected.items()
                if math.isfinite(value)}
        self.assertEqual(sorted(got), sorted(want), f"{name}: steps of {column}")
        for step, value in want.items():
            self.assertEqual(got[step], value, f"{name}: {column} at {step}")

    def check(self, name, run, expected):
        self.same_series(name, run, "train_loss", expected.train)
        self.same_series(name, run, "validation_loss", expected.validation)
        self.same_series(name, run, "learning_rates", expected.rate)
        self.assertEqual(run["state"], expected.state, name)
        if expected.steps is not None:
            self.assertEqual(run["steps"], expected.steps, name)
        if expected.peak is not None:
            self.assertEqual(run["learning_rate"], expected.peak, name)
        tokens = expected.run_tokens or (expected.steps * BATCH if expected.steps else None)
        if tokens is not None:
            self.assertEqual(run["tokens"], tokens, name)
        for step, count in zip(run["step"], run["token_axis"]):
            if expected.tokens:
                if step in expected.tokens:
                    self.assertEqual(count, expected.tokens[step], f"{name}: tokens at {step}")
            elif not expected.run_tokens:
                self.assertEqual(count, step * BATCH, f"{name}: tokens at {step}")
        final = expected.validation or expected.train
        last = final[max(final)]
        self.assertTrue(run["loss_nats"] == last or (math.isnan(last) and math.isnan(run["loss_nats"])), name)

    def test_files_give_what_an_independent_parser_finds(self):
        for name, (kind, parse) in FILES.items():
            with self.subTest(name):
                inputs, _ = self.dump(name)
                self.assertEqual([each.get("format") for each in inputs], [kind])
                self.assertEqual(len(inputs[0]["runs"]), 1, inputs[0]["rejects"])
                self.check(name, inputs[0]["runs"][0], parse(self.root / name))

    def test_every_megatron_log_is_found_and_right(self):
        logs = sorted(self.root.glob("bigscience*/**/*.out"))
        self.assertEqual(len(logs), 12)
        for path in logs:
            name = str(path.relative_to(self.root))
            with self.subTest(name):
                (each,), _ = self.dump(name)
                self.assertEqual(each["format"], "megatron")
                expected = parse_megatron(path)
                if expected is None:
                    self.assertEqual(each["runs"], [])
                    self.assertIn("no loss is known", each["rejects"][0])
                else:
                    self.check(name, each["runs"][0], expected)

    def test_what_is_no_log_is_refused_with_its_reason(self):
        for name, reason in REFUSED.items():
            with self.subTest(name):
                (each,), _ = self.dump(name)
                self.assertEqual(each["runs"], [])
                self.assertIn(reason, each.get("refused", ""))

    def test_what_holds_no_run_says_why(self):
        for name, reason in REJECTED.items():
            with self.subTest(name):
                inputs, _ = self.dump(name)
                self.assertEqual([run for each in inputs for run in each["runs"]], [])
                self.assertIn(reason, " ".join(text for each in inputs for text in each["rejects"]))

    def test_one_training_is_one_run(self):
        for folder, kind in (("P4P4N1CK+whisper-large-v2-japanese-5k-steps", "trainer-state"),
                             ("AndersonSheep+MLOPS", "dvclive"), ("msh2481+DenseGPT", "dvclive"),
                             ("10tanmay100+DEEPCNNCLASSIFIER", "tensorboard"),
                             ("AnggaMarcelio+english-javanese-lstm-attention", "keras-csv")):
            with self.subTest(folder):
                inputs, _ = self.dump(folder, "--set", "tokens=1e6")
                runs = [each["format"] for each in inputs for _ in each["runs"]]
                self.assertEqual(runs, [kind], [(each["format"], each["rejects"]) for each in inputs])

    def test_models_that_mlflow_logged_are_no_runs(self):
        inputs, passed_over = self.dump("0kr0+MLOps-assignment1")
        self.assertEqual(sum(each.get("format") == "mlflow" for each in inputs), 2)
        self.assertIn("a model that MLflow logged", passed_over)

    def test_old_optuna_stores_are_read(self):
        for path in sorted(self.root.glob("optuna*/**/*.db")):
            with self.subTest(path.name):
                (each,), _ = self.dump(path.relative_to(self.root), "--set", "tokens=1e9")
                with sqlite3.connect(path) as database:
                    trials = database.execute("SELECT count(*) FROM trials").fetchone()[0]
                    values = [row[0] for row in database.execute(
                        "SELECT value FROM trials WHERE value IS NOT NULL ORDER BY trial_id")]
                self.assertEqual(len(each["runs"]), trials)
                self.assertEqual([run["loss_nats"] for run in each["runs"] if "loss_nats" in run], values)


if __name__ == "__main__":
    unittest.main()
