# SPDX-License-Identifier: Apache-2.0
"""What the tests of the manual share: blocks of a Markdown page, a folder to run them in, and what counts as equal."""
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

BIN = pathlib.Path(os.environ["SEXTANT_BIN_DIR"])
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TIMEOUT_S = 300
# Last digits differ between compilers and processors; a stale number differs by more.
TOLERANCE = 0.03
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
RULE = re.compile(r"[-─━═]{3,}")


@dataclasses.dataclass
class Command:
    """A line to run, as the shell gets it, and what the page says that it prints."""
    line: int
    text: str
    shown: list


def fences(text):
    """(first line's index, language, lines) of every fenced block; the index is of the line after the fence."""
    lines, at = text.splitlines(), 0
    while at < len(lines):
        if lines[at].startswith("```"):
            end = next(i for i in range(at + 1, len(lines)) if lines[i].startswith("```"))
            yield at + 1, lines[at][3:].strip(), lines[at + 1:end]
            at = end
        at += 1


def console_commands(text):
    """The commands of ```console blocks: lines that begin with "$ ", with what follows each."""
    found = []
    for first, language, lines in fences(text):
        if language != "console":
            continue
        for i, line in enumerate(lines):
            if line.startswith("$ "):
                found.append(Command(first + i, line[2:], []))
            elif found and found[-1].text.endswith("\\") and not found[-1].shown:
                found[-1].text += "\n" + line
            else:
                found[-1].shown.append(line)
    return found


class Folder:
    """A folder of one's own in which `sextant` is on the path and `data` is the data that ships."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="sextant-docs-"))
        (self.path / "data").symlink_to(ROOT / "data")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SEXTANT_", "XDG_", "CLICOLOR", "NO_COLOR")) and "proxy" not in k.lower()}
        self.environment = {**kept, "HOME": str(self.path), "PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "100", "NO_COLOR": "1",
                            "TMPDIR": str(self.path)}

    def run(self, line):
        """Exit code, and stdout and stderr together."""
        done = subprocess.run(["bash", "-c", line], cwd=self.path, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=TIMEOUT_S, check=False)
        return done.returncode, done.stdout

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


def words(line):
    """A line without its numbers and widths, and its numbers."""
    values = [float(number) for number in NUMBER.findall(line)]
    bare = RULE.sub("-", NUMBER.sub("#", line))
    return " ".join(bare.split()), values


def same(shown, printed):
    """Why two lines differ, "" when they say the same."""
    (text, values), (other_text, others) = words(shown), words(printed)
    if text != other_text:
        return "other words"
    for value, other in zip(values, others):
        if abs(value - other) > TOLERANCE * max(abs(value), abs(other)):
            return f"{value:g} where {other:g} was printed"
    return ""


def difference(shown, printed):
    """The first difference of two lists of lines, "" for none."""
    for i, (a, b) in enumerate(zip(shown, printed)):
        if why := same(a, b):
            return f"{why}\n  page:    {a}\n  printed: {b}"
    if len(shown) != len(printed):
        more = (shown if len(shown) > len(printed) else printed)[min(len(shown), len(printed))]
        return f"{len(shown)} lines on the page, {len(printed)} printed; the first that is left: {more}"
    return ""


def printed_lines(output):
    """As a page holds it: without the white space at the ends."""
    lines = [line.rstrip() for line in output.rstrip("\n").split("\n")] if output.strip() else []
    return lines
