#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The README's grpcurl lines, replayed by a reflection client that others wrote: `buf curl` of npm's @bufbuild/buf, by gRPC
and, as the server speaks it too, by Connect over HTTP. Skipped where buf cannot be had (tests/proto/buf_test.py)."""
import base64
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "proto")]
from buf_test import buf  # noqa: E402
from connect_test import Daemon  # noqa: E402
from readme_requests_test import readme_commands  # noqa: E402
from service_process import Sextantd, binaries  # noqa: E402


def split(words):
    """A grpcurl command as (data, what is asked for)."""
    data, positional, at = "{}", [], 1
    while at < len(words):
        if words[at] == "-d":
            data, at = words[at + 1], at + 2
        else:
            positional += [] if words[at].startswith("-") else [words[at]]
            at += 1
    return data, positional[1]


def curl(program, *flags):
    done = subprocess.run([program, "curl", *flags], capture_output=True, text=True, timeout=60, check=False)
    print(f"buf curl {' '.join(flags)}: {'answered' if done.returncode == 0 else 'FAILED ' + done.stderr}"[:300])
    return done


def names_reason(error, reason):
    """Whether a detail of a printed error has the reason: versions of buf print details decoded, or their bytes."""
    for detail in json.loads(error).get("details", []):
        value = detail.get("value", "")
        if reason in json.dumps(detail) or reason.encode() in base64.b64decode(value + "=" * (-len(value) % 4)):
            return True
    return False


def replay(program, url, commands, *how):
    failed = 0
    for words in commands:
        data, target = split(words)
        if target == "list":
            if how[1] != "grpc":
                continue  # the list is reflection's, which is a stream of requests
            done = curl(program, *how, "--list-services", url)
            failed += done.returncode != 0 or "sextant.v1.PredictionService" not in done.stdout
        else:
            done = curl(program, *how, "--data", data, f"{url}/{target}")
            failed += done.returncode != 0 or not isinstance(json.loads(done.stdout or "null"), dict)
    return failed


def main():
    program = buf()
    commands = readme_commands()
    assert len(commands) >= 2, "README.md shows no grpcurl lines"
    with Sextantd(str(binaries() / "sextantd")) as daemon:
        failed = replay(program, f"http://{daemon.address}", commands, "--protocol", "grpc", "--http2-prior-knowledge")
        done = curl(program, "--protocol", "grpc", "--http2-prior-knowledge", "--data", '{"name": "studies/none"}',
                    f"http://{daemon.address}/sextant.v1.StudyService/GetStudy")
        failed += done.returncode == 0 or not names_reason(done.stderr, "STUDY_NOT_FOUND")
    daemon = Daemon()
    try:
        failed += replay(program, f"http://127.0.0.1:{daemon.port}", commands, "--protocol", "connect", "--schema",
                         str(HERE.parent.parent / "proto"))
    finally:
        daemon.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
