#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command of sextant and curl in the README and the manual runs: page by page, in the order of the page, in a folder
with the files and studies that the page speaks of, against a server where it names one. What cannot be run here is listed
below with the reason; what is left out without one fails."""
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

import pages
from pages import BIN, ROOT

sys.path.insert(0, str(ROOT / "tests" / "clients" / "cli"))
os.environ.setdefault("SEXTANT_SOURCE_DIR", str(ROOT))
from cli_support import sweep_csv  # noqa: E402

PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]
# Printed blocks and their commands are console_test's.
ELSEWHERE = {"docs/tutorial.md"}
# Words of a command: why it is not run.
NOT_RUN = {
    "sextantd --listen": "runs until it is stopped; the tests of the daemon start it with every flag",
    "sextantd --db postgresql://": "needs a PostgreSQL server; tests/conformance/postgres_test.py starts one",
    "sextant-train": "needs a GPU or minutes; the trainer has tests of its own",
    "./quickstart": "builds",
    "./check": "builds",
}
# Not commands: forms with parts to fill in.
FORM = re.compile(r"…|\[-|\[--|\bFILE\b|\bSTUDY\b|\bGOAL\b| ID\b|NOUN|HOST:PORT|/var/lib|(?<![\w=])[A-Z]{4,}(?![\w.])")


def code_lines(text):
    """(line number, text) of lines in code blocks, continued lines joined, comments taken off."""
    lines, fenced, language = text.splitlines(), False, ""
    found, open_line = [], None
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            fenced, language = not fenced, line.lstrip()[3:].strip()
            open_line = None
            continue
        if not (fenced and language in ("sh", "") or (not fenced and line.startswith("    "))):
            open_line = None
            continue
        bare = re.sub(r"\s+#\s.*$", "", line.strip())
        if open_line is not None:
            found[open_line] = (found[open_line][0], found[open_line][1] + " " + bare.rstrip("\\").strip())
        else:
            found.append((number, bare.rstrip("\\").strip()))
        open_line = len(found) - 1 if bare.endswith(("\\", "|")) else None
    return found


def commands_of(page):
    """(line number, command), with the page's variables before it."""
    variables = ""
    for number, line in code_lines((ROOT / page).read_text(encoding="utf-8")):
        line = line.removeprefix("$ ").removeprefix("build/bin/")
        if re.match(r"[a-z_]+=\S", line):
            variables += line + "; "
        if re.match(r"(sextantd?|curl|sextant-train|\{ printf) ", line):
            yield number, (variables if "$" in line else "") + line


def curve(run_id, steps, total, noise=0.0):
    rows = []
    for i in range(1, steps + 1):
        step = 20 * i
        loss = 2.1 + 6.0 * (step + 20) ** -0.35 - 0.05 * step / total + noise * math.sin(i)
        rows.append((run_id, step, step * 65536, loss))
    return rows


class CommandsTest(unittest.TestCase):
    def prepare(self, folder):
        """The files and studies that pages speak of."""
        def write(name, text):
            (folder.path / name).write_text(text, encoding="utf-8")

        header = "N,D,lr,batch,loss"
        rows = [line.split(",") for line in sweep_csv(sizes=(1e7, 4e7, 1.6e8, 6.4e8), horizons=(1e9, 4e9, 1.6e10)).splitlines()[1:]]
        write("runs.csv", header + "\n" + "\n".join(",".join(row[1:]) for row in rows) + "\n")
        write("targets.csv", "params,tokens\n1e9,2e10\n7e9,1.4e11\n")
        write("curve.csv", "step,loss\n" + "\n".join(f"{step},{loss:.6f}" for _, step, _, loss in curve("c", 500, 10_000)) + "\n")
        # A race of batches to one loss, as docs/critical_batch.md has it.
        write("steps.csv", "N,batch,tokens,steps,loss\n" + "\n".join(
            f"{n:.0f},{batch},{batch * steps:.0f},{steps:.0f},3.2" for n in (1e8, 4e8, 1.6e9) for batch in (65536, 131072, 262144, 524288, 1048576)
            for steps in [2000 * (1 + 3e5 * (n / 1e8) ** 0.3 / batch)]) + "\n")
        for study, level in (("baseline", 1.0), ("candidate", 0.93)):
            folder.must(f"sextant studies create {study}")
            lines = ["run_id,params_non_embedding,tokens,learning_rate,batch_size_tokens,loss_nats"]
            for i, n in enumerate((1e7, 2e7, 4e7, 8e7, 1.6e8)):
                flops = 6 * n * 20 * n
                for seed in range(2):
                    loss = 1.6 + level * 60 * flops ** -0.0941 * (1 + 0.001 * math.sin(7 * i + 3 * seed + level))
                    lines.append(f"r{i}-{seed},{n:.0f},{20 * n:.0f},0.001,65536,{loss!r}")
            write(f"{study}.csv", "\n".join(lines) + "\n")
            folder.must(f"sextant runs import {study}.csv --study {study}")
        self.make_study(folder)

    def make_study(self, folder):
        """The study `mine` with a run that has not ended, and fits that pages call by name."""
        rows = curve("in-flight", 300, 10_000, 0.002) + curve("big-run-1", 300, 300, 0.002)
        (folder.path / "in-flight-curve.csv").write_text("run_id,step,tokens,train_loss\n" + "\n".join(
            f"{run},{step},{tokens},{loss:.6f}" for run, step, tokens, loss in rows) + "\n", encoding="utf-8")
        (folder.path / "in-flight.csv").write_text(
            "run_id,params_non_embedding,tokens,learning_rate,batch_size_tokens,steps,loss_nats,state,schedule\n"
            f"in-flight,3e7,{10_000 * 65536},0.001,65536,10000,{rows[299][3]:.6f},running,cosine\n"
            f"big-run-1,7e9,1.4e12,0.001,65536,6000,{rows[-1][3]:.6f},finished,cosine\n", encoding="utf-8")
        folder.must("sextant runs import runs.csv --study mine --create-study --map params_non_embedding=N --map tokens=D "
                    "--map learning_rate=lr --map batch_size_tokens=batch --map loss_nats=loss")
        folder.must("sextant runs import in-flight.csv --study mine --curves in-flight-curve.csv")
        for law, name in (("lr-power-nd", "first"), ("batch-power-nd", "batch"), ("loss-chinchilla", "loss")):
            folder.must(f"sextant fits create --study mine --law {law} --id {name} --bootstrap 100")
        # The server has the same.
        folder.must("cp .local/share/sextant/sextant.db served.db")

    def start_server(self, folder):
        """sextantd over the folder's database, for what the page asks of a server; HOST:PORT of gRPC and of HTTP."""
        ports = [folder.path / "port", folder.path / "http-port"]
        server = subprocess.Popen([str(BIN / "sextantd"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--port-file", ports[0],
                                   "--http-port-file", ports[1], "--db", str(folder.path / "served.db")], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, env=folder.environment)
        self.addCleanup(lambda: (server.send_signal(signal.SIGTERM), server.wait(60)))
        deadline = time.monotonic() + 60
        while not all(port.exists() for port in ports):
            self.assertLess(time.monotonic(), deadline, "sextantd does not listen")
            time.sleep(0.02)
        return [f"127.0.0.1:{port.read_text().strip()}" for port in ports]

    def run_page(self, page):
        commands = [(number, line) for number, line in commands_of(page) if not FORM.search(line)]
        wanted = [(number, line) for number, line in commands if not any(line.startswith(words) for words in NOT_RUN)]
        if not wanted:
            return 0
        folder = pages.Folder()
        self.addCleanup(folder.remove)

        def must(line):
            code, output = folder.run(line)
            self.assertEqual(code, 0, f"{line}\n{output}")
        folder.must = must
        self.prepare(folder)
        addresses = self.start_server(folder)
        done = 0
        for number, line in wanted:
            text = line.replace("127.0.0.1:7433", addresses[0]).replace("127.0.0.1:7434", addresses[1])
            text = re.sub(r"(^|[;|] *)curl ", r"\1curl -sS --fail --noproxy '*' ", text)
            with self.subTest(page=page, line=number, command=line):
                code, output = folder.run(text)
                self.assertEqual(code, 0, output)
                done += 1
        print(f"{page}: {done} commands")
        return done


def add_test(page):
    def test(self):
        self.run_page(page)
    setattr(CommandsTest, "test_" + re.sub(r"\W", "_", page.removesuffix(".md")), test)


for each in PAGES:
    if each not in ELSEWHERE:
        add_test(each)


class CoverageTest(unittest.TestCase):
    def test_the_manual_has_commands(self):
        runnable = sum(1 for page in PAGES for _, line in commands_of(page) if not FORM.search(line))
        self.assertGreater(runnable, 25)
        self.assertTrue(pathlib.Path(ROOT / "docs" / "tutorial.md").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
