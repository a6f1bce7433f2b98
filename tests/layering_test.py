#!/usr/bin/env python3
"""Dependencies run one way, and every test file is compiled.

Reads the #include lines of every source file: base <- fitting <- storage (plain structs only) <- server <- clients/cli;
proto is seen by server and clients/cli alone; only clients/cli includes server; the trainer and the importers
include neither. Also fails on a test source that no CMakeLists.txt names.
"""
import pathlib
import re
import sys

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
STORAGE_MAY_SEE = {"fitting/fit_result.h", "fitting/run_table.h", "fitting/law/law_spec.h"}
PROJECT = ("base/", "fitting/", "storage/", "server/", "clients/", "sextant/v1/", "google/rpc/", "grpc/")
# Libraries that stay behind one folder's walls.
LIBRARIES = {
    "grpcpp/": {"server", "clients/cli"},
    "sqlite3.h": {"storage", "clients/importers"},
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


def check_includes() -> list:
    problems = []
    for folder in ("base", "fitting", "storage", "server", "clients"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix not in SOURCES:
                continue
            relative = file.relative_to(ROOT).as_posix()
            mine = owner(relative, ALLOWED)
            for number, included in includes(file):
                where = f"{relative}:{number} includes {included}"
                if included.startswith(PROJECT) and mine:
                    if not any(included.startswith(allowed + "/") for allowed in ALLOWED[mine]):
                        problems.append(f"{where}: {mine} may not depend on it")
                    if mine == "storage" and included.startswith("fitting/") and included not in STORAGE_MAY_SEE:
                        problems.append(f"{where}: storage sees only {', '.join(sorted(STORAGE_MAY_SEE))}")
                for library, homes in LIBRARIES.items():
                    if included.startswith(library) and mine not in homes:
                        problems.append(f"{where}: only {', '.join(sorted(homes))} may use it")
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


def main() -> int:
    problems = check_includes() + check_tests_are_built()
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
