#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dependencies run one way, and every test file is compiled.

Reads the #include lines of every source file: base <- fitting <- storage (plain structs only) <- server <- clients/cli;
proto is seen by server and clients/cli alone; only clients/cli includes server; the trainer and the importers
include neither. Subfolders of fitting have directions of their own (FITTING), and so have engines
of the store (DIRECTIONS). Also fails on a test source that no CMakeLists.txt names.
"""
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = {".h", ".cc", ".cu", ".cuh", ".inc"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')

# Folder -> project folders that it may include. The longest folder that matches a file counts.
ALLOWED = {
    "base": {"base"},
    "fitting": {"fitting", "base"},
    "storage": {"storage", "fitting", "base"},
    "server": {"server", "base", "storage", "fitting", "sextant/v1", "google/rpc", "grpc"},
    "clients/cli": {"clients/cli", "base", "clients/importers", "server", "sextant/v1", "google/rpc", "grpc"},
    "clients/importers": {"clients/importers", "base"},
    "clients/trainer": {"clients/trainer", "base"},
}
# storage sees fitting's plain structs, nothing that computes.
STORAGE_MAY_SEE = {"fitting/fit_check.h", "fitting/fit_model.h", "fitting/fit_result.h", "fitting/run_table.h",
                   "fitting/law/law_spec.h"}
# Subfolder of fitting -> subfolders that it may include: from the laws up to the families of fits. All see
# the plain structs of PLAIN; only ABOVE_THE_DOORS and the files of fitting/ itself see the doors (fit.h, predict.h).
FITTING = {
    "law": set(),
    "curve": {"law"},
    "optimum": set(),
    "least_squares": {"law"},
    "allocation": {"law", "least_squares"},
    "critical_batch": {"curve"},
    "plan": {"law", "curve", "least_squares", "allocation"},
    "comparison": set(),
    "design": set(),
    "families": {"law", "optimum", "least_squares", "allocation", "critical_batch", "curve"},
}
# Folders that see fit.h and predict.h: what the doors lead to, and what stands on them.
ABOVE_THE_DOORS = {"families", "plan"}
PLAIN = {"fitting/data_columns.h", "fitting/fit_model.h", "fitting/fit_result.h", "fitting/refusal.h", "fitting/run_table.h"}
PROJECT = ("base/", "fitting/", "storage/", "server/", "clients/", "sextant/v1/", "google/rpc/", "grpc/")
# Within storage: folder -> other folders of storage that its files may include. An engine sees the interface, what
# engines share and its own parts, and nobody sees an engine.
DIRECTIONS = {
    "storage": set(),
    "storage/relational/sql": {"storage"},
    "storage/relational/rows": {"storage", "storage/relational/sql"},
    "storage/relational/columns": {"storage", "storage/relational/sql", "storage/relational/rows"},
    "storage/relational": {"storage", "storage/relational/sql", "storage/relational/rows",
                           "storage/relational/columns"},
    "storage/relational/move": {"storage", "storage/relational/sql"},
    "storage/sqlite/sql": {"storage", "storage/relational/sql"},
    "storage/sqlite/file": {"storage", "storage/relational", "storage/relational/sql", "storage/sqlite/sql"},
    "storage/sqlite": {"storage", "storage/relational", "storage/relational/columns", "storage/relational/move",
                       "storage/sqlite/file"},
    "storage/postgres/sql": {"storage", "storage/relational/sql", "storage/relational/rows"},
    "storage/postgres/schema": {"storage", "storage/postgres/sql"},
    "storage/postgres": {"storage", "storage/relational", "storage/relational/sql", "storage/relational/rows",
                         "storage/relational/columns", "storage/relational/move", "storage/postgres/sql",
                         "storage/postgres/schema"},
}
# The file of an exported study is SQLite's, whatever engine it comes from.
MAY_TURN = {("storage/study_file.cc", "storage/sqlite/sql/connection.h"),
            ("storage/study_file.cc", "storage/sqlite/file/schema.h")}
# Libraries that stay behind one folder's walls.
LIBRARIES = {
    "grpcpp/": {"server", "clients/cli"},
    "sqlite3.h": {"storage", "clients/importers"},
    "libpq-fe.h": {"storage"},
    "ceres/": {"fitting"},
}


def owner(path: str, folders) -> str:
    matches = [folder for folder in folders if path.startswith(folder + "/")]
    return max(matches, key=len) if matches else ""


def includes(file: pathlib.Path):
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def subfolder(path: str) -> str:
    """fitting/law/tape/run.cc -> law; "" for files of fitting/ itself."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else ""


def check_fitting(relative: str, included: str) -> str:
    """What is wrong with an include between subfolders of fitting; "" when nothing."""
    mine, theirs = subfolder(relative), subfolder(included)
    if mine == "" or mine == theirs:
        return ""
    if mine not in FITTING:
        return f"fitting/{mine} has no line in FITTING: say what it may include"
    if theirs == "":
        return "" if mine in ABOVE_THE_DOORS or included in PLAIN else f"fitting/{mine} sees only {', '.join(sorted(PLAIN))}"
    return "" if theirs in FITTING[mine] else f"fitting/{mine} may not depend on fitting/{theirs}"


def check_includes(root: pathlib.Path) -> list:
    problems = []
    for folder in ("base", "fitting", "storage", "server", "clients"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in SOURCES:
                continue
            relative = file.relative_to(root).as_posix()
            mine = owner(relative, ALLOWED)
            for number, included in includes(file):
                where = f"{relative}:{number} includes {included}"
                if included.startswith(PROJECT) and mine:
                    if not any(included.startswith(allowed + "/") for allowed in ALLOWED[mine]):
                        problems.append(f"{where}: {mine} may not depend on it")
                    if mine == "storage" and included.startswith("fitting/") and included not in STORAGE_MAY_SEE:
                        problems.append(f"{where}: storage sees only {', '.join(sorted(STORAGE_MAY_SEE))}")
                    if mine == "fitting" and included.startswith("fitting/"):
                        if wrong := check_fitting(relative, included):
                            problems.append(f"{where}: {wrong}")
                for library, homes in LIBRARIES.items():
                    if included.startswith(library) and mine not in homes:
                        problems.append(f"{where}: only {', '.join(sorted(homes))} may use it")
    return problems


def check_directions() -> list:
    problems = []
    for file in sorted((ROOT / "storage").rglob("*")):
        if file.suffix not in SOURCES:
            continue
        relative = file.relative_to(ROOT).as_posix()
        mine = str(pathlib.PurePosixPath(relative).parent)
        engine = "/".join(mine.split("/")[:2])
        for number, included in includes(file):
            theirs = str(pathlib.PurePosixPath(included).parent)
            if not included.startswith("storage/") or theirs == mine or (relative, included) in MAY_TURN:
                continue
            new_engine = mine not in DIRECTIONS and (theirs == "storage" or f"{theirs}/".startswith(f"{engine}/"))
            if theirs not in DIRECTIONS.get(mine, set()) and not new_engine:
                problems.append(f"{relative}:{number} includes {included}: {mine} may not look there")
    return problems


def check_tests_are_built() -> list:
    listed = set()
    for cmake in (ROOT / "tests").rglob("CMakeLists.txt"):
        for name in re.findall(r"[\w./-]+\.(?:cc|cu|py)", cmake.read_text(encoding="utf-8")):
            listed.add((cmake.parent / name.removeprefix("/")).resolve())
    problems = []
    for file in sorted((ROOT / "tests").rglob("*")):
        is_test = re.search(r"(_test|_fuzz)\.(cc|cu|py)$", file.name)
        if is_test and file.resolve() not in listed:
            problems.append(f"{file.relative_to(ROOT)} is named by no CMakeLists.txt: it never runs")
    return problems


# File, what it includes, whether that is refused.
PLANTED = [
    ("fitting/optimum/a.cc", "fitting/law/law.h", True),
    ("fitting/law/a.cc", "fitting/optimum/optimum_fit.h", True),
    ("fitting/least_squares/a.cc", "fitting/fit.h", True),
    ("fitting/law/deep/a.h", "fitting/curve/curve.h", True),
    ("fitting/curve/a.cc", "fitting/families/family.h", True),
    ("fitting/no_such/a.cc", "fitting/law/law.h", True),
    ("fitting/optimum/a.cc", "storage/store.h", True),
    ("storage/a.cc", "fitting/fit.h", True),
    ("fitting/least_squares/a.cc", "fitting/law/law.h", False),
    ("fitting/least_squares/a.cc", "fitting/fit_result.h", False),
    ("fitting/families/a.cc", "fitting/fit.h", False),
    ("fitting/a.cc", "fitting/optimum/optimum_fit.h", False),
]


def check_the_check() -> list:
    """Each planted include is found, and only those that are refused."""
    problems = []
    for name, included, refused in PLANTED:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / name
            file.parent.mkdir(parents=True)
            file.write_text(f'#include "{included}"\n', encoding="utf-8")
            if bool(check_includes(pathlib.Path(folder))) != refused:
                problems.append(f"this test: {name} including {included} should be {'refused' if refused else 'fine'}")
    return problems


def main() -> int:
    problems = check_includes(ROOT) + check_directions() + check_tests_are_built() + check_the_check()
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
