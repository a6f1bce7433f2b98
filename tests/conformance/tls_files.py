# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made by openssl."""
import subprocess


def make_certificate(folder, name="server"):
    """(certificate, key) of localhost and 127.0.0.1, signed by itself, so that it is also whom clients are to trust."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    key.chmod(0o600)
    return certificate, key
