# SPDX-License-Identifier: Apache-2.0
"""What the README shows of the quick start is what the program prints: its commands run again, its numbers compared."""
import os
import pathlib
import re
import shlex

from cli_support import CliTest

ROOT = pathlib.Path(os.environ["SEXTANT_SOURCE_DIR"])
# Bootstrap ends and fits differ in the last digits between compilers and processors; a stale number differs by far more.
TOLERANCE = 0.05
UNITS = {"": 1, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
NUMBER = r"([0-9.]+(?:e[-+]?[0-9]+)?)([KMBT]?)"


def numbers(text):
    return [float(value) * UNITS[unit] for value, unit in re.findall(NUMBER, text)]


def commands(verb):
    """The quick start's calls of a verb, as lists of arguments; its variables are put in."""
    text = (ROOT / "quickstart").read_text(encoding="utf-8").replace("\\\n", " ")
    variables = dict(re.findall(r"(?<!--map )\b(study|runs|params|tokens)=(\S+)", text))
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*sextant (" + verb + r" .*?)(>/dev/null.*|\|\|.*)?$", line)
        if match:
            filled = re.sub(r"\$(\w+)", lambda name: variables[name.group(1)], match.group(1))
            found.append(shlex.split(filled))
    return found


def readme_rows():
    """Source -> its cells' text, of the block that shows the quick start; the continuation line follows its row."""
    block = (ROOT / "README.md").read_text(encoding="utf-8").split("The quick start ends with this", 1)[1].split("```")[1]
    rows = {}
    for line in block.splitlines():
        match = re.match(r"([a-z][a-z0-9-]*(?: \(2 fits\))?)  +(.*\d.*)$", line)
        if match and ":" not in match.group(1):
            rows[match.group(1)] = match.group(2)
        if line.lstrip().startswith("near-optimal ["):
            rows["near-optimal"] = line
    return block, rows


class ReadmeTest(CliTest):
    def close(self, shown, printed, what):
        self.assertEqual(len(shown), len(printed), f"{what}: README {shown}, printed {printed}")
        for a, b in zip(shown, printed):
            self.assertLessEqual(abs(a - b), TOLERANCE * abs(b), f"{what}: README {shown}, printed {printed}")

    def test_the_quick_start_prints_what_the_readme_shows(self):
        block, rows = readme_rows()
        self.assertGreater(len(rows), 10, "README.md shows no table of the quick start")
        for command in commands("studies create") + commands("runs import") + commands("fits create"):
            self.run_cli(*command, cwd=ROOT)
        own, published = commands("predict")
        answer = self.run_json(*own)["predictions"][0]
        shown = numbers(rows["calibration (2 fits)"])
        near = numbers(rows["near-optimal"])
        for at, quantity in ((0, "learning_rate"), (1, "batch_size_tokens")):
            value = answer[quantity]
            self.close(shown[3 * at:3 * at + 3], [value["value"], value["low"], value["high"]], quantity)
            self.close(near[2 * at:2 * at + 2], [value["near_optimal_low"], value["near_optimal_high"]], quantity)
        warned = [line.split(": ", 1)[1] for line in block.splitlines() if line.startswith("  calibration (2 fits): ")]
        self.assertEqual(sorted(warned), sorted(answer["warnings"]))
        printed, _ = self.run_cli(*published)
        for source, cells in rows.items():
            if source in ("calibration (2 fits)", "near-optimal"):
                continue
            line = next((each for each in printed.splitlines() if each.startswith(source + " ")), "")
            value = numbers(cells)[0]
            self.assertTrue(any(abs(value - other) <= 1e-3 * value for other in numbers(line)), f"{source}: {cells} not in: {line}")


if __name__ == "__main__":
    import unittest
    unittest.main()
