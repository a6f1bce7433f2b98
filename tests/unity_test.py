# SPDX-License-Identifier: Apache-2.0
"""The files of a library are compiled in batches, so a name is defined at file level in one file of a library only.

Which files share a batch changes with every file added: two equal names in anonymous namespaces can build today and
clash tomorrow. This reads the sources instead of compiling them. Functions may share a name when their parameters differ.
"""
import collections
import pathlib
import re
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent

_SKIPPED = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|'
    r"(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])*'|^[ \t]*#(?:\\\n|[^\n])*", re.S | re.M)


def _plain(text):
    """The text without comments, strings and preprocessor lines."""
    return _SKIPPED.sub(lambda match: '""' if match[0][0] in 'R"' else " ", text)


def _parts(text):
    """(text of a declaration, its body or "") for each declaration at the top of `text`."""
    start = position = 0
    while position < len(text):
        character = text[position]
        if character == ";":
            yield text[start:position], ""
            start = position + 1
        elif character == "{":
            end = _closing(text, position)
            head = text[start:position]
            if "=" in head.split("(")[0] or re.search(r"\bnamespace\b", head) is None and _is_value(head):
                position = end  # an initializer: the declaration goes on to its semicolon
            else:
                yield head, text[position + 1:end]
                start = end + 1
                position = end
        position += 1


def _is_value(head):
    """Whether the brace after `head` starts an initializer and not a body."""
    return re.search(r"\)\s*(const|noexcept|override|->[^;]*|:[^;]*)*\s*$", head) is None and re.search(
        r"\b(struct|class|union|enum)\b[^()=]*$", head) is None


def _closing(text, opening):
    depth = 0
    for position in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
    return len(text)


def _parameters(text):
    """The types of a parameter list as far as text tells: without names and default values."""
    result = []
    for parameter in re.split(r",(?![^<]*>)", text):
        words = re.sub(r"=.*", "", parameter, flags=re.S).strip()
        result.append(re.sub(r"\s+", " ", re.sub(r"([\s&*>])\w+$", r"\1", words)).strip())
    return ", ".join(result)


def _name(head):
    head = re.sub(r"\[\[.*?\]\]|\btemplate\s*<[^{}]*?>(?=\s*(?:\w|\[))", " ", head, flags=re.S).strip()
    kind = re.match(r"(?:struct|class|union|enum(?:\s+class)?)\s+(\w+)", head)
    if kind:
        return kind[1]
    if re.match(r"using\s+namespace\b|namespace\b", head):
        return None
    declared = re.match(r"using\s+[\w:]*::(\w+)$", head)
    if declared:
        return f"using {declared[1]}"
    alias = re.match(r"using\s+(\w+)\s*=", head)
    if alias:
        return alias[1]
    before_value = re.split(r"=(?!=)", head)[0]
    function = re.search(r"([\w:]*)\s*\((.*)\)", before_value, re.S)
    if function and function[1] and "operator" not in before_value and "::" not in function[1]:
        return f"{function[1]}({_parameters(function[2])})"
    if "operator" in before_value or "::" in before_value.split()[-1:][0] if before_value.split() else True:
        return None
    variable = re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*(?:\{.*)?$", before_value, re.S)
    return variable[1] if variable else None


def file_level_names(text, namespaces=(), hidden=False):
    """Names that `text` keeps for itself, with their namespace in front: "a::kPage", "a::Size(int)", "a::using Cell"."""
    for head, body in _parts(text):
        space = re.search(r"\bnamespace\b\s*([\w:]*)\s*$", head)
        if space and body:
            inner = namespaces + tuple(filter(None, space[1].split("::")))
            yield from file_level_names(body, inner, hidden or not space[1])
        elif hidden or re.match(r"\s*(static|using)\b", head):
            name = _name(re.sub(r"^\s*static\b", "", head))
            if name:
                yield "::".join(namespaces + (name,))


def clashes(files):
    """A line for each name that two of `files` define at file level."""
    seen = collections.defaultdict(set)
    for file in files:
        for name in file_level_names(_plain(file.read_text(encoding="utf-8"))):
            seen[name].add(file)
    kinds = collections.defaultdict(lambda: collections.defaultdict(set))
    for name, where in seen.items():
        kind = "function" if "(" in name else "using" if "using " in name else "other"
        kinds[name.split("(")[0].replace("using ", "")][kind] |= where
    for name, where in sorted(seen.items()):
        others = kinds[name.split("(")[0].replace("using ", "")]
        if "using " in name:  # may be repeated; nothing else may have that name
            where = others["function"] | others["other"] and where | others["function"] | others["other"]
        elif "(" not in name:
            where = where | others["function"]
        if len(where) > 1:
            yield f"{name}: {', '.join(sorted(map(str, where)))}"


def batches(folder):
    """(library, its files of this repository) for each list that the build wrote."""
    for path in sorted(folder.glob("*.txt")):
        home, *names = path.read_text(encoding="utf-8").split()
        files = [pathlib.Path(home, name) for name in names if name.endswith(".cc")]
        yield path.stem, [file for file in files if file.exists() and folder.parent not in file.parents]


class BatchesTest(unittest.TestCase):
    def test_no_name_stands_in_two_files_of_a_library(self):
        found = 0
        for library, files in batches(LISTS):
            found += len(files)
            with self.subTest(library=library):
                self.assertEqual([], list(clashes(files)))
        self.assertGreater(found, 100, "the lists of files are missing")

    def test_planted_clashes_are_found(self):
        planted = (
            ("constexpr int kPage = 1;", "constexpr double kPage{2};"),
            ("struct Options { int a; };", "class Options {};"),
            ("int Size(const std::string& text) { return 1; }", "int Size(const std::string& name) { return 2; }"),
            ("std::string Cell(int a) { return {}; }", "using v1::Cell;"),
        )
        for first, second in planted:
            with self.subTest(first=first), tempfile.TemporaryDirectory() as folder:
                files = []
                for number, text in enumerate((first, second)):
                    files.append(pathlib.Path(folder, f"{number}.cc"))
                    files[-1].write_text(f"namespace a::b {{\nnamespace {{\n// it\'s here\n{text}\n}}\n}}\n", encoding="utf-8")
                self.assertEqual(1, len(list(clashes(files))))

    def test_what_may_stand_twice_is_let_through(self):
        text = "namespace a {{ namespace {{ namespace fs = std::filesystem; using v1::Cell; int F({}); }} int Shown; }}"
        with tempfile.TemporaryDirectory() as folder:
            files = [pathlib.Path(folder, f"{name}.cc") for name in ("int", "double")]
            for file in files:
                file.write_text(text.format(file.stem), encoding="utf-8")
            self.assertEqual([], list(clashes(files)))


if __name__ == "__main__":
    LISTS = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
