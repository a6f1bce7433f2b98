#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/extending.md is true: what exists of a kind stands only in the files that its row names."""
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = {".h", ".cc", ".inc"}
# What the default of fits chooses by its name, and the name of a method that is no estimator elsewhere.
CHOSEN_BY_NAME = {"band", "quadratic", "surface", "regret", "hierarchical", "average"}
# Laws that code answers for by name: the forms of curves and of critical batches that their own folders compute, and
# the average that is composed of others.
LAWS_OF_CODE = re.compile(r"(curve-|cbs-power-|loss-average$)")
# Names of formats that mean something else too.
WORDS = {"csv", "jsonl", "tensorboard", "megatron", "llmc-log"}
# An exported study is a SQLite file whatever the engine.
STUDY_FILES = {"storage/study_file.cc"}


def files_with(root: pathlib.Path, folders, pattern: str) -> set:
    found = set()
    for folder in folders:
        for file in (root / folder).rglob("*"):
            if file.suffix in CODE and re.search(pattern, file.read_text(encoding="utf-8")):
                found.add(file.relative_to(root).as_posix())
    return found


def beyond(root, folders, name, expected):
    """Files that name it, as a whole string, beyond those expected."""
    return sorted(files_with(root, folders, f'"{re.escape(name)}"') - set(expected))


def check_formats(root):
    formats = sorted((root / "clients/importers/formats").glob("*.cc"))
    if not formats:
        yield "no formats found"
    for file in formats:
        name = file.stem.replace("_", "-")
        if name not in WORDS:
            for other in beyond(root, ["clients", "server"], name, [f"clients/importers/formats/{file.name}"]):
                yield f"format {name} is named in {other}"


def check_estimators(root):
    registry = root / "fitting/optimum/estimators.cc"
    names = re.findall(r'^    \{"([a-z-]+)", "', registry.read_text(encoding="utf-8"), re.M)
    if not names:
        yield "no estimators found"
    for name in set(names) - CHOSEN_BY_NAME:
        for other in beyond(root, ["fitting", "server", "storage", "clients/cli"], name,
                            ["fitting/optimum/estimators.cc"]):
            yield f"estimator {name} is named in {other}"


def check_verbs(root):
    listed = re.findall(r"^SEXTANT_VERBS\((\w+)\)", (root / "clients/cli/commands/verbs.inc").read_text(), re.M)
    if not listed:
        yield "no verbs found"
    for function in listed:
        found = files_with(root, ["clients/cli"], rf"\b{function}\b")
        homes = [file for file in found if re.fullmatch(r"clients/cli/commands/\w+\.cc", file)]
        if len(homes) != 1 or found != {homes[0], "clients/cli/commands/verbs.inc"}:
            yield f"verb {function} is named in {', '.join(sorted(found))}"


def check_laws(root):
    laws = sorted((ROOT / "data/laws").glob("*.toml"))
    if not laws:
        yield "no laws found"
    named = re.compile("|".join(f'"{re.escape(law.stem)}"' for law in laws if not LAWS_OF_CODE.match(law.stem)
                                and law.stem != "tissue"))
    for folder in ("base", "fitting", "storage", "clients/importers"):
        for file in (root / folder).rglob("*"):
            if file.suffix in CODE:
                for match in named.findall(file.read_text(encoding="utf-8")):
                    yield f"law {match} is named in {file.relative_to(root)}"


def check_engines(root):
    engines = re.findall(r"^\s*ENGINE\((\w+)\)", (root / "storage/open_store.cc").read_text(), re.M)
    if not engines:
        yield "no engines found"
    for engine in engines:
        for other in files_with(root, ["storage", "server", "fitting", "clients/cli"], rf'#include "storage/{engine}/'):
            if not other.startswith(f"storage/{engine}/") and other not in STUDY_FILES:
                yield f"engine {engine} is included by {other}"


def check_families(root):
    table = (root / "fitting/families/families.cc").read_text()
    for family in re.findall(r"const FitFamily (k\w+) =", "\n".join(
            file.read_text() for file in sorted((root / "fitting/families").glob("*.cc")))):
        if family not in table:
            yield f"family {family} is not in the table"


CHECKS = (check_formats, check_estimators, check_verbs, check_laws, check_engines, check_families)

# A file, what is added to it, and the words of the finding.
PLANTED = [
    ("clients/cli/main_like.cc", 'const char* format = "trackio";', "format trackio is named in"),
    ("server/choice.cc", 'if (estimator == "argmin") return;', "estimator argmin is named in"),
    ("clients/cli/dispatch.cc", "AddDoctor(tree);", "verb AddDoctor is named in"),
    ("fitting/special.cc", 'if (law == "loss-chinchilla") return;', "is named in fitting/special.cc"),
    ("server/open.cc", '#include "storage/sqlite/file/schema.h"', "engine sqlite is included by"),
]


def copy_code(target: pathlib.Path):
    for folder in ("base", "fitting", "storage", "server", "clients/cli", "clients/importers"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in CODE:
                place = target / file.relative_to(ROOT)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.read_bytes())


def check_the_check():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        copy_code(root)
        for name, text, words in PLANTED:
            (root / name).write_text(text + "\n", encoding="utf-8")
            found = [problem for check in CHECKS for problem in check(root)]
            if not any(words in problem for problem in found):
                yield f"this test: '{text}' in {name} was not found"
            (root / name).unlink()


def main() -> int:
    problems = [problem for check in CHECKS for problem in check(ROOT)] + list(check_the_check())
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
