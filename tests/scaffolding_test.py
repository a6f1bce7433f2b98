#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The files that a project is judged by exist and agree, and prose stays readable.

One version in every file that states it; lines of prose under 120 columns; none of the idioms that readers stumble over in
the README's first screen. `--reflow FILE...` wraps the prose of Markdown files.
"""
import pathlib
import re
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
REQUIRED = [
    ".editorconfig", ".github/ISSUE_TEMPLATE/bug.md", ".github/ISSUE_TEMPLATE/log_format.md",
    ".github/ISSUE_TEMPLATE/wrong_recommendation.md", ".github/PULL_REQUEST_TEMPLATE.md", ".github/workflows/check.yml",
    ".pre-commit-config.yaml", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md",
    "docs/README.md",
]
# File and the pattern whose group is the version; the first is where it is set.
VERSIONS = [
    ("CMakeLists.txt", r"project\(sextant VERSION ([\d.]+)"),
    ("clients/python/pyproject.toml", r'^version = "([\d.]+)"'),
    ("clients/python/sextant/__init__.py", r'^__version__ = "([\d.]+)"'),
    ("CITATION.cff", r"^version: ([\d.]+)"),
]
COLUMNS = 120
FIRST_SCREEN = 60  # lines of the README
IDIOMS = re.compile(r"\b(but for|goes on|go on with|is no advice|beside what|one's own)\b")


def markdown(root: pathlib.Path):
    for pattern in ("*.md", "docs/**/*.md", "data/**/*.md", "clients/**/*.md"):
        for file in sorted(root.glob(pattern)):
            if "node_modules" not in file.parts:
                yield file


def prose(text: str):
    """Line number and line, of what is neither code, a table, nor a link that cannot be broken."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        if fenced or line.startswith("    ") or line.lstrip().startswith("|") or line.startswith("#"):
            continue
        yield number, line


def check_files(root):
    for name in REQUIRED:
        if not (root / name).is_file():
            yield f"{name} is missing"


def check_versions(root):
    found = {}
    for name, pattern in VERSIONS:
        match = re.search(pattern, (root / name).read_text(encoding="utf-8"), re.M)
        found[name] = match.group(1) if match else "none"
    if len(set(found.values())) != 1:
        yield "versions differ: " + ", ".join(f"{name} {version}" for name, version in found.items())


def check_prose(root):
    for file in markdown(root):
        for number, line in prose(file.read_text(encoding="utf-8")):
            if len(line) > COLUMNS and " " in line[:COLUMNS].strip():
                yield f"{file.relative_to(root)}:{number}: {len(line)} columns"
    text = "\n".join((root / "README.md").read_text(encoding="utf-8").splitlines()[:FIRST_SCREEN])
    for number, line in prose(text):
        if match := IDIOMS.search(line):
            yield f"README.md:{number}: '{match.group(0)}' is hard to read"


CHECKS = (check_files, check_versions, check_prose)
PLANTED = [
    ("SECURITY.md", None, "SECURITY.md is missing"),
    ("CITATION.cff", "version: 9.9.9\n", "versions differ"),
    ("docs/README.md", "word " * 30 + "\n", "columns"),
    ("README.md", "A study but for its runs.\n", "'but for' is hard to read"),
]


def check_the_check():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text, words in PLANTED:
            for source in set(REQUIRED) | {name for name, _ in VERSIONS}:
                place = root / source
                place.parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / source).is_file():
                    place.write_bytes((ROOT / source).read_bytes())
            if text is None:
                (root / name).unlink()
            else:
                (root / name).write_text(text, encoding="utf-8")
            if not any(words in problem for check in CHECKS for problem in check(root)):
                yield f"this test: a change of {name} was not found"


def reflow(text: str) -> str:
    """Wraps paragraphs and list items; leaves code, tables, headings and references alone."""
    out, block = [], []
    state = {"fenced": False}

    def flush():
        if not block:
            return
        if any(len(line) > COLUMNS for line in block):
            first = block[0]
            item = re.match(r"(\s*(?:[-*]|\d+\.)\s+)", first)
            indent = " " * len(item.group(1)) if item else re.match(r"\s*", first).group(0)
            words = " ".join(line.strip() for line in block)
            lead = item.group(1) if item else indent
            words = words[len(lead.strip()):].strip() if item else words
            out.extend(textwrap.wrap(words, COLUMNS - 2, initial_indent=lead, subsequent_indent=indent,
                                     break_long_words=False, break_on_hyphens=False))
        else:
            out.extend(block)
        block.clear()

    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            flush()
            state["fenced"] = not state["fenced"]
            out.append(line)
        elif state["fenced"] or not line.strip() or line.lstrip().startswith("|") or line.startswith("#") or (
                line.startswith("    ") and not block):
            flush()
            out.append(line)
        elif re.match(r"\s*(?:[-*]|\d+\.)\s+", line):
            flush()
            block.append(line)
        else:
            block.append(line)
    flush()
    return "\n".join(out) + "\n"


def main() -> int:
    if sys.argv[1:2] == ["--reflow"]:
        for name in sys.argv[2:] or [str(file) for file in markdown(ROOT)]:
            file = pathlib.Path(name)
            file.write_text(reflow(file.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    problems = [problem for check in CHECKS for problem in check(ROOT)] + list(check_the_check())
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
