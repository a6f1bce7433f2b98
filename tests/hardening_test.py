#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The programs that ship are hardened: what the linker made of them, and what each of their files was compiled with.

usage: hardening_test.py BUILD_FOLDER
"""
import json
import pathlib
import struct
import sys

PROGRAMS = ("sextantd", "sextant", "sextant-train")
# fitting/ and proto/ are left out: numerics, and what protoc makes.
FOLDERS = ("base", "storage", "server", "clients")
OPTIONS = ("-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-D_GLIBCXX_ASSERTIONS")

PT_DYNAMIC, PT_GNU_STACK, PT_GNU_RELRO = 2, 0x6474E551, 0x6474E552
PF_EXECUTABLE = 1
ET_DYN = 3
DT_BIND_NOW, DT_FLAGS, DT_FLAGS_1 = 24, 30, 0x6FFFFFFB
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 8, 1, 0x08000000
SHT_DYNSYM = 11


class Elf:
    """A 64-bit little-endian program: segments, dynamic entries, the names of dynamic symbols."""

    def __init__(self, path):
        self.data = path.read_bytes()
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is no 64-bit little-endian ELF file")
        self.type, = struct.unpack_from("<H", self.data, 16)
        segments_at, sections_at = struct.unpack_from("<QQ", self.data, 32)
        segment_size, segments, section_size, sections = struct.unpack_from("<HHHH", self.data, 54)
        self.segments = [struct.unpack_from("<IIQQQQQQ", self.data, segments_at + i * segment_size)
                         for i in range(segments)]
        self.sections = [struct.unpack_from("<IIQQQQIIQQ", self.data, sections_at + i * section_size)
                         for i in range(sections)]

    def dynamic(self) -> dict:
        entries = {}
        for kind, _, offset, _, _, size, _, _ in self.segments:
            if kind == PT_DYNAMIC:
                for at in range(offset, offset + size, 16):
                    tag, value = struct.unpack_from("<QQ", self.data, at)
                    entries[tag] = value
        return entries

    def imports(self) -> set:
        names = set()
        for section in self.sections:
            if section[1] != SHT_DYNSYM:
                continue
            strings = self.sections[section[6]][4]
            for at in range(section[4], section[4] + section[5], section[9]):
                name, _, _, index = struct.unpack_from("<IBBH", self.data, at)
                if index == 0:
                    end = self.data.index(b"\0", strings + name)
                    names.add(self.data[strings + name:end].decode())
        return names


def faults_of_program(path):
    if not path.exists():
        yield "is not built"
        return
    elf = Elf(path)
    dynamic, imports = elf.dynamic(), elf.imports()
    flags = dynamic.get(DT_FLAGS_1, 0)
    if elf.type != ET_DYN or not flags & DF_1_PIE:
        yield "is not position-independent (PIE)"
    if not any(segment[0] == PT_GNU_RELRO for segment in elf.segments):
        yield "has no RELRO segment"
    if not (flags & DF_1_NOW or dynamic.get(DT_FLAGS, 0) & DF_BIND_NOW or DT_BIND_NOW in dynamic):
        yield "binds functions late: its RELRO is partial"
    if not any(segment[0] == PT_GNU_STACK and not segment[1] & PF_EXECUTABLE for segment in elf.segments):
        yield "may have an executable stack"
    if "__stack_chk_fail" not in imports:
        yield "has no stack protector"
    if not any(name.startswith("__") and name.endswith("_chk") for name in imports):
        yield "has no function of FORTIFY"


def faults_of_files(build, root):
    """Files of the hardened folders that lack an option, from the build's own list of commands."""
    files = 0
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        try:
            own = path.relative_to(root)
        except ValueError:
            continue
        if path.is_relative_to(build):  # batches of files are compiled in their library's build folder
            own = path.relative_to(build)
        if own.parts[0] not in FOLDERS or path.suffix not in (".cc", ".cxx"):
            continue
        files += 1
        for option in OPTIONS:
            if option not in entry["command"]:
                yield f"{own} is compiled without {option}"
    if files == 0:
        yield f"no file of {', '.join(FOLDERS)} in {build / 'compile_commands.json'}"


def main() -> int:
    build = pathlib.Path(sys.argv[1]).resolve()
    cache = (build / "CMakeCache.txt").read_text()
    if "CMAKE_BUILD_TYPE:STRING=Release" not in cache or "SEXTANT_SANITIZE:STRING=\n" not in cache:
        print("not a release build: nothing of it ships")
        return 77
    faults = [f"{name} {fault}" for name in PROGRAMS for fault in faults_of_program(build / "bin" / name)]
    faults += faults_of_files(build, pathlib.Path(__file__).resolve().parent.parent)
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
