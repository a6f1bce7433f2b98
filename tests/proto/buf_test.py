#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`buf lint` over the API, and `buf breaking` against the API of the first release (tests/fixtures/proto-v0.1). buf comes
from npm, pinned by package-lock.json; without npm, or without its registry, the test is skipped and says so."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SKIPPED = 77
# Installed once for all runs of a machine.
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "sextant-buf"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def buf():
    lock = (HERE / "package-lock.json").read_bytes()
    binary = CACHE / "node_modules" / ".bin" / "buf"
    if binary.exists() and (CACHE / "package-lock.json").read_bytes() == lock:
        return str(binary)
    if shutil.which("npm") is None:
        skip("npm is not there")
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, CACHE / name)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=CACHE, capture_output=True,
                          text=True)
    if done.returncode != 0 or not binary.exists():
        (CACHE / "package-lock.json").unlink()
        skip("npm could not install buf: " + done.stderr.strip().splitlines()[-1] if done.stderr else "npm failed")
    return str(binary)


def run(*command):
    done = subprocess.run(command, cwd=ROOT / "proto", capture_output=True, text=True)
    print(f"{' '.join(command[1:])}: {'clean' if done.returncode == 0 else 'NOT clean'}\n{done.stdout}{done.stderr}", end="")
    return done.returncode


def finds_a_break(program):
    """A field that is taken away must be found, or the comparison compares nothing."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "tests" / "fixtures" / "proto-v0.1", folder, dirs_exist_ok=True)
        file = pathlib.Path(folder) / "sextant" / "v1" / "study_service.proto"
        text = file.read_text()
        broken = text.replace("  string title = 2;\n", "", 1)
        assert broken != text
        file.write_text(broken)
        done = subprocess.run([program, "breaking", folder, "--against", str(ROOT / "tests" / "fixtures" / "proto-v0.1")],
                              capture_output=True, text=True)
        found = done.returncode != 0 and "title" in done.stdout
        print("a field that is taken away is", "found" if found else "NOT found")
        return found


def main():
    program = buf()
    failed = run(program, "lint", ".") + run(program, "breaking", ".", "--against", "../tests/fixtures/proto-v0.1")
    return 1 if failed or not finds_a_break(program) else 0


if __name__ == "__main__":
    sys.exit(main())
