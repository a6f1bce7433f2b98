#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn a text corpus into distinct lines in a fixed random order.

Input: any text file, for this sweep the output of a corpus builder over Debian's linux-source-6.1 (files joined, each
ended by NUL). Output: every distinct line of 12 to 200 bytes once, surrounding white space removed, ordered by the
BLAKE2b digest of its bytes, each ended by a line break; a NUL after every 64 lines, so that tokenizing can be cut
into parts. Lines that follow each other have nothing to do with each other: what a model can learn is the language of
a line, not to copy from the lines before it.

usage: make_lines.py TEXT OUT MAX_BYTES
"""
import hashlib
import sys


def main() -> int:
    with open(sys.argv[1], "rb") as source:
        text = source.read().replace(b"\0", b"\n")
    lines = {line.strip() for line in text.split(b"\n")}
    lines = [line for line in lines if 12 <= len(line) <= 200]
    lines.sort(key=lambda line: hashlib.blake2b(line, digest_size=12).digest())
    limit, total = int(float(sys.argv[3])), 0
    with open(sys.argv[2], "wb") as sink:
        for index, line in enumerate(lines):
            blob = line + (b"\n\0" if index % 64 == 63 else b"\n")
            if total + len(blob) > limit:
                break
            sink.write(blob)
            total += len(blob)
    print(f"{len(lines)} distinct lines, {total} bytes written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
