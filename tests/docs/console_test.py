#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pages with ```console blocks: their commands run from top to bottom in one folder, and print what the page shows. Pictures
that a page draws are those in docs/pictures. `console_test.py PAGE --update` writes both anew."""
import re
import shutil
import sys

import pages
from pages import ROOT

PAGES = ["docs/tutorial.md"]
PICTURES = ROOT / "docs" / "pictures"


def pictures_of(text):
    return re.findall(r"!\[[^\]]*\]\(pictures/([a-z0-9-]+\.svg)\)", text)


def check(page):
    """Runs a page and returns what is wrong."""
    text = (ROOT / page).read_text(encoding="utf-8")
    problems = []
    commands = pages.console_commands(text)
    if not commands:
        return [f"{page}: no console block"]
    folder = pages.Folder()
    try:
        for command in commands:
            code, output = folder.run(command.text)
            where = f"{page}:{command.line + 1}: $ {command.text}\n"
            if code != 0:
                problems.append(f"{where}exit {code}\n{output}")
                break
            if why := pages.difference(command.shown, pages.printed_lines(output)):
                problems.append(where + why)
        for name in pictures_of(text):
            drawn = folder.path / name
            if not drawn.exists():
                problems.append(f"{page}: no command draws {name}")
            elif why := pages.difference(picture_lines(PICTURES / name), picture_lines(drawn)):
                problems.append(f"docs/pictures/{name}: {why}")
    finally:
        folder.remove()
    print(f"{page}: {len(commands)} commands, {len(problems)} problems")
    return problems


def picture_lines(path):
    return path.read_text(encoding="utf-8").replace(">", ">\n").splitlines()


def update(page):
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    lines, folder, last = text.splitlines(), pages.Folder(), 0
    out = []
    try:
        for command in pages.console_commands(text):
            begin = command.line
            end = begin + 1 + command.text.count("\n")
            out += lines[last:end]
            code, output = folder.run(command.text)
            if code != 0:
                print(f"{page}:{begin + 1}: exit {code}\n{output}", file=sys.stderr)
            out += pages.printed_lines(output)
            last = end + len(command.shown)
        for name in pictures_of(text):
            PICTURES.mkdir(exist_ok=True)
            shutil.copy(folder.path / name, PICTURES / name)
    finally:
        folder.remove()
    path.write_text("\n".join(out + lines[last:]) + "\n", encoding="utf-8")


def check_the_check():
    """What must be found, or nothing is compared."""
    assert pages.same("rate 0.0010 [2, 3]", "rate  0.00101 [2,   3]") == ""
    assert pages.same("rate 0.0010", "rate 0.0012")
    assert pages.same("rate 0.0010", "batch 0.0010")
    assert pages.difference(["a"], ["a", "b"])
    found = pages.console_commands("x\n```console\n$ a \\\n  b\n1\n$ c\n```\n")
    assert [(c.line, c.text, c.shown) for c in found] == [(2, "a \\\n  b", ["1"]), (5, "c", [])], found


def main():
    check_the_check()
    if "--update" in sys.argv:
        for page in [name for name in sys.argv[1:] if name != "--update"] or PAGES:
            update(page)
        return 0
    problems = [problem for page in PAGES for problem in check(page)]
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
