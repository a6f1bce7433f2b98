#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""npm's Connect clients (@connectrpc/connect-node and -web) against sextantd: unary calls, streams, error details, deadlines,
tokens, in the clear and over TLS. Without node or npm, or without npm's registry, the test is skipped and says so."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from connect_test import Daemon  # noqa: E402
from tls_files import make_certificate  # noqa: E402

ROOT = HERE.parent.parent
SKIPPED = 77
TOKEN = "a-token-of-sixteen-bytes"
# Installed once for all runs of a machine.
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "sextant-connect-npm"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def install():
    """The folder with the clients' packages."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        skip("node and npm are not there")
    lock = (HERE / "npm" / "package-lock.json").read_bytes()
    CACHE.mkdir(parents=True, exist_ok=True)
    if not (CACHE / "node_modules").is_dir() or (CACHE / "installed").read_bytes() != lock:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "npm" / name, CACHE / name)
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=CACHE, capture_output=True, text=True)
        if done.returncode != 0:
            skip("npm could not install the clients: " + (done.stderr.strip().splitlines() or ["npm failed"])[-1])
        (CACHE / "installed").write_bytes(lock)
    # Packages are looked for from where the file lies.
    shutil.copy(HERE / "npm" / "clients.mjs", CACHE / "clients.mjs")
    return CACHE


def protoset(folder):
    path = folder / "api.protoset"
    files = [str(file.relative_to(ROOT / "proto")) for file in sorted((ROOT / "proto").rglob("*.proto"))]
    subprocess.run(["protoc", f"--proto_path={ROOT / 'proto'}", "--include_imports", f"--descriptor_set_out={path}", *files], check=True)
    return path


def main():
    packages = install()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="sextant-npm-") as name:
        folder = pathlib.Path(name)
        api = protoset(folder)
        certificate, key = make_certificate(folder)
        tokens = folder / "tokens"
        tokens.write_text(TOKEN + "\n", encoding="utf-8")
        tokens.chmod(0o600)
        for title, flags, scheme, token in (("in the clear", [], "http", []),
                                            ("over TLS, with a token",
                                             ["--tls-cert", certificate, "--tls-key", key, "--token-file", tokens], "https", [TOKEN])):
            print(title, flush=True)
            daemon = Daemon(*flags)
            try:
                done = subprocess.run(["node", "clients.mjs", str(api), f"{scheme}://localhost:{daemon.port}", *token], cwd=packages,
                                      timeout=120, check=False, env={**os.environ, "NODE_EXTRA_CA_CERTS": str(certificate),
                                                                     "NODE_OPTIONS": "--dns-result-order=ipv4first"})
                failed += done.returncode != 0
            finally:
                daemon.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
