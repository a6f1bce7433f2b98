#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/api is what proto/sextant/v1 says: one page per file, made of its comments. Fails where a page is stale or a method,
field or value has no page; `api_reference_test.py --update` writes them."""
import pathlib
import re
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = ROOT / "docs" / "api"
F = descriptor_pb2.FieldDescriptorProto
SCALARS = {F.TYPE_DOUBLE: "double", F.TYPE_FLOAT: "float", F.TYPE_INT64: "int64", F.TYPE_UINT64: "uint64", F.TYPE_INT32: "int32",
           F.TYPE_UINT32: "uint32", F.TYPE_FIXED64: "fixed64", F.TYPE_BOOL: "bool", F.TYPE_STRING: "string", F.TYPE_BYTES: "bytes"}
MADE = "<!-- made by tests/docs/api_reference_test.py --update from proto/sextant/v1/{} -->"


def descriptors():
    proto = ROOT / "proto"
    files = sorted(str(path.relative_to(proto)) for path in (proto / "sextant" / "v1").glob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "api"
        subprocess.run(["protoc", f"--proto_path={proto}", "--include_source_info", f"--descriptor_set_out={out}", *files], check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file


class Page:
    """One proto file as Markdown."""

    def __init__(self, file, homes):
        self.file, self.homes = file, homes
        self.comments = {tuple(each.path): each for each in file.source_code_info.location}
        self.lines = []

    def comment(self, *path):
        location = self.comments.get(path)
        if location is None:
            return ""
        text = location.leading_comments or location.trailing_comments
        return re.sub(r"\s+", " ", text).strip()

    def type_of(self, field, nested):
        if field.type in SCALARS:
            name = SCALARS[field.type]
        else:
            full = field.type_name.lstrip(".")
            if full in nested:
                entry = nested[full]
                return f"map<{self.type_of(entry.field[0], nested)}, {self.type_of(entry.field[1], nested)}>"
            name = self.link(full)
        if field.label == F.LABEL_REPEATED:
            return f"repeated {name}"
        return f"optional {name}" if field.proto3_optional else name

    def link(self, full):
        short = full.split(".")[-1]
        home = self.homes.get(full)
        if home is None:
            return f"`{full}`"
        return f"[{short}](#{short.lower()})" if home == self.page_name() else f"[{short}]({home}#{short.lower()})"

    def page_name(self):
        return pathlib.Path(self.file.name).stem + ".md"

    @staticmethod
    def cell(text):
        return text.replace("|", "\\|").replace("<", "&lt;")

    def add(self, *lines):
        self.lines += lines

    def prose(self, text):
        if not text:
            return
        line = ""
        for word in text.replace("<", "&lt;").split():
            if line and len(line) + 1 + len(word) > 118:
                self.add(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        self.add(line, "")

    def services(self):
        for s, service in enumerate(self.file.service):
            self.add(f"## {service.name}", "")
            self.prose(self.comment(6, s))
            for m, method in enumerate(service.method):
                request, response = (self.link(name.lstrip(".")) for name in (method.input_type, method.output_type))
                self.add(f"### {method.name}", "")
                self.add(f"{'stream of ' if method.client_streaming else ''}{request}",
                         f"→ {'stream of ' if method.server_streaming else ''}{response}", "")
                self.prose(self.comment(6, s, 2, m))

    def message(self, message, path):
        nested = {f"{self.file.package}.{message.name}.{each.name}": each for each in message.nested_type if each.options.map_entry}
        self.add(f"## {message.name}", "")
        self.prose(self.comment(*path))
        if not message.field:
            self.add("No fields.", "")
            return
        self.add("| field | type | |", "|---|---|---|")
        for f, field in enumerate(message.field):
            self.add(f"| `{field.name}` = {field.number} | {self.type_of(field, nested).replace('<', '&lt;')} "
                     f"| {self.cell(self.comment(*path, 2, f))} |")
        self.add("")

    def enum(self, enum, path):
        self.add(f"## {enum.name}", "")
        self.prose(self.comment(*path))
        self.add("| value | |", "|---|---|")
        for v, value in enumerate(enum.value):
            self.add(f"| `{value.name}` = {value.number} | {self.cell(self.comment(*path, 2, v))} |")
        self.add("")

    def text(self):
        self.add(MADE.format(pathlib.Path(self.file.name).name), f"# {pathlib.Path(self.file.name).name}", "")
        self.prose(re.sub(r"\s+", " ", next(iter(self.comments[(12,)].leading_detached_comments), "") or self.comment(12))
                   .replace("SPDX-License-Identifier: Apache-2.0", "").strip())
        self.services()
        for e, enum in enumerate(self.file.enum_type):
            self.enum(enum, (5, e))
        for m, message in enumerate(self.file.message_type):
            self.message(message, (4, m))
        return "\n".join(self.lines).rstrip("\n") + "\n"


def make_pages():
    files = descriptors()
    homes = {}
    for file in files:
        for each in [*file.message_type, *file.enum_type]:
            homes[f"{file.package}.{each.name}"] = pathlib.Path(file.name).stem + ".md"
    pages = {pathlib.Path(file.name).stem + ".md": Page(file, homes).text() for file in files}
    index = [MADE.format("*.proto"), "# API reference", "",
             "Every method, message and field, from the comments of [the protos](../../proto/sextant/v1). What holds across",
             "services is in [api.md](../api.md).", "", "| file | services |", "|---|---|"]
    for file in files:
        name = pathlib.Path(file.name).stem
        methods = "; ".join(f"{service.name}: {', '.join(method.name for method in service.method)}" for service in file.service)
        index.append(f"| [{name}]({name}.md) | {methods or 'messages alone'} |")
    pages["README.md"] = "\n".join(index) + "\n"
    return pages


def undocumented(files):
    """Methods without a word."""
    for file in files:
        page = Page(file, {})
        for s, service in enumerate(file.service):
            for m, method in enumerate(service.method):
                if not page.comment(6, s, 2, m):
                    yield f"{service.name}.{method.name} has no comment in its proto"


def main():
    made = make_pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in PAGES.glob("*.md")} if PAGES.is_dir() else {}
    if "--update" in sys.argv:
        PAGES.mkdir(exist_ok=True)
        for name in set(there) - set(made):
            (PAGES / name).unlink()
        for name, text in made.items():
            (PAGES / name).write_text(text, encoding="utf-8")
        return 0
    problems = [f"docs/api/{name} {'is stale' if name in there else 'is missing'}" for name, text in made.items() if there.get(name) != text]
    problems += [f"docs/api/{name} is of no proto" for name in sorted(set(there) - set(made))] + list(undocumented(descriptors()))
    for problem in problems:
        print(problem)
    print(f"{len(made)} pages, {len(problems)} problems; --update writes them")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
