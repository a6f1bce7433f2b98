#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the documents print is what the program prints.

Runs every `sextant` command of the fenced `sh` blocks of README.md and docs/tutorial.md, in their order, and compares what a block
prints with the `text` block behind it. SEXTANT_WRITE_DOCS=1 writes those blocks instead, to be read before they are kept.
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "clients" / "cli"))
from cli_support import BIN, clean_environment, sweep_csv  # noqa: E402

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
WRITE = "SEXTANT_WRITE_DOCS" in os.environ


def blocks(text):
    """[(language, body, start of the body, end of the body)]"""
    return [(m[1], m[2], m.start(2), m.end(2)) for m in FENCE.finditer(text)]


def commands(body):
    """The `sextant` commands and exports of a block, as words; lines that end in a backslash go on."""
    found = []
    for line in body.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words and (words[0] in ("sextant", "build/bin/sextant") or words[0] == "export"):
            found.append(words)
    return found


class DocsTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-docs-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "data").symlink_to(ROOT / "data")
        self.env = {**clean_environment(self.folder), "COLUMNS": "80"}

    def run_block(self, body):
        printed = ""
        for words in commands(body):
            if words[0] == "export":
                self.env.update(word.split("=", 1) for word in words[1:])
                continue
            done = subprocess.run([str(BIN / "sextant"), *words[1:]], cwd=self.folder, env=self.env, capture_output=True, text=True,
                                  timeout=600, check=False)
            self.assertEqual(done.returncode, 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}")
            printed += done.stdout
        return printed

    def check_document(self, name):
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        written, position, printed = "", 0, None
        for language, body, start, end in blocks(text):
            if language == "sh":
                printed = self.run_block(body)
            elif language == "text" and printed is not None:
                if not WRITE and not body:
                    print(f"{name}, line {text.count(chr(10), 0, start)}: not compared, for its block was not written yet")
                elif not WRITE:
                    self.assertEqual(printed, body, f"{name}, line {text.count(chr(10), 0, start) + 1}")
                written += text[position:start] + printed
                position, printed = end, None
        if WRITE:
            path.write_text(written + text[position:], encoding="utf-8")

    def test_the_tutorial_prints_what_it_says(self):
        self.check_document("docs/tutorial.md")

    def test_the_commands_of_the_readme_work(self):
        rows = [line.split(",") for line in sweep_csv(rates=5, batches=5).splitlines()[1:]]
        (self.folder / "runs.csv").write_text("N,D,lr,batch,loss\n" + "".join(",".join(row[1:]) + "\n" for row in rows))
        (self.folder / "curve.csv").write_text("step,loss\n" + "".join(f"{k},{2 + 5 * k ** -0.3}\n" for k in range(100, 50_000, 100)))
        steps = range(100, 30_100, 100)
        (self.folder / "flight.csv").write_text("run_id,N,D,lr,batch,loss,steps,state\nin-flight,4e6,4e8,0.01,6e4,3.1,60000,running\n")
        (self.folder / "flight-curve.csv").write_text("run_id,step,train_loss\n" + "".join(f"in-flight,{k},{2 + 5 * k ** -0.3}\n" for k in steps))
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        ran = 0
        for language, body, _, _ in blocks(text):
            if language != "sh":
                continue
            if "--run in-flight" in body:
                self.run_block("sextant runs import flight.csv --study mine --curves flight-curve.csv --map run_id=run_id "
                               "--map params_non_embedding=N --map tokens=D --map learning_rate=lr --map batch_size_tokens=batch "
                               "--map loss_nats=loss --map steps=steps --map state=state")
            for words in commands(body):
                # What needs a server, or the page that is built from npm, has tests of its own.
                if "--server" in words or words[1] == "report":
                    continue
                self.run_block(shlex.join(words))
                ran += 1
        self.assertGreater(ran, 8)


if __name__ == "__main__":
    unittest.main(verbosity=2)
