#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every source file names its licence, and each licence that is named is there.

    tests/licence_test.py          runs the tests
    tests/licence_test.py --fix    writes the line into the files that lack it

Data has no such line: its licence is the LICENSE of the nearest folder above it.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINE = "SPDX-License-Identifier: Apache-2.0"
COMMENT = {suffix: "//" for suffix in (".h", ".cc", ".cu", ".cuh", ".inc", ".proto", ".js", ".ts", ".tsx")}
COMMENT |= {suffix: "#" for suffix in (".py", ".sh", ".cmake")}
COMMENT_BY_NAME = {"CMakeLists.txt": "#", "pyproject.toml": "#", "check": "#", "quickstart": "#", "run": "#"}
# Laws, and files as other programs write them.
DATA = ("data/laws/", "tests/clients/importers/golden/", "tests/fuzz/corpus/")
NOT_DATA = ("tests/clients/importers/golden/make_golden.py",)


def comment_of(path):
    """How a line of comment begins in a source file; None for what is no source file."""
    if path.startswith(DATA) and path not in NOT_DATA:
        return None
    name = pathlib.PurePosixPath(path).name
    return COMMENT_BY_NAME.get(name) or COMMENT.get(pathlib.PurePosixPath(name.removesuffix(".in")).suffix)


def source_files(root):
    """Paths below `root` of the sources that git keeps, or of all where there is no git."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root,
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        paths = listed.stdout.split("\0")
    else:
        paths = []
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if not name.startswith("build") and name != "node_modules"]
            paths += [pathlib.Path(folder, name).relative_to(root).as_posix() for name in names]
    return sorted(path for path in paths if path and comment_of(path) and (root / path).is_file())


def lines_at_top(text):
    """The line where the licence belongs: the first, or the second below a "#!"."""
    lines = text.split("\n", 2)
    return lines[1] if text.startswith("#!") and len(lines) > 1 else lines[0]


def unlicensed(root):
    """The source files whose first line does not name the licence."""
    return [path for path in source_files(root)
            if lines_at_top((root / path).read_text(encoding="utf-8")) != f"{comment_of(path)} {LINE}"]


def fix(root):
    for path in unlicensed(root):
        file = root / path
        with file.open(encoding="utf-8", newline="") as opened:
            text = opened.read()
        first = text.split("\n", 1)[0] + "\n" if text.startswith("#!") else ""
        with file.open("w", encoding="utf-8", newline="") as opened:
            opened.write(f"{first}{comment_of(path)} {LINE}\n{text[len(first):]}")
        print(path)


class LicenceTest(unittest.TestCase):
    def test_every_source_file_names_its_licence(self):
        self.assertGreater(len(source_files(ROOT)), 500)
        self.assertEqual([], unlicensed(ROOT), "run tests/licence_test.py --fix")

    def test_the_licences_are_there(self):
        self.assertIn("Apache License\n                           Version 2.0, January 2004",
                      (ROOT / "LICENSE").read_text(encoding="utf-8"))
        data = (ROOT / "data/calibration/LICENSE").read_text(encoding="utf-8")
        self.assertIn("SPDX-License-Identifier: CC-BY-4.0", data)
        self.assertIn("https://creativecommons.org/licenses/by/4.0/legalcode", data)

    def test_planted_violations_are_found_and_fixed(self):
        planted = {
            "base/none.cc": "int x;\n",
            "base/other.h": "// SPDX-License-Identifier: MIT\n",
            "base/late.py": f"import os\n# {LINE}\n",
            "tool.sh": "#!/bin/sh\ntrue\n",
            "CMakeLists.txt": "",
        }
        kept = {"base/good.cc": f"// {LINE}\nint y;\n", "good.sh": f"#!/bin/sh\n# {LINE}\n", "data/laws/a.toml": "a = 1\n"}
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in (planted | kept).items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            self.assertEqual(sorted(planted), unlicensed(root))
            fix(root)
            self.assertEqual([], unlicensed(root))
            self.assertEqual(f"#!/bin/sh\n# {LINE}\ntrue\n", (root / "tool.sh").read_text(encoding="utf-8"))


if __name__ == "__main__":
    if sys.argv[1:] == ["--fix"]:
        fix(ROOT)
    else:
        unittest.main()
