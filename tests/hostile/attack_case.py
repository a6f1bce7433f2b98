# SPDX-License-Identifier: Apache-2.0
"""What the attack tests share: a server, ways to reach it, and what must hold during and after an attack."""
import os
import pathlib
import re
import sys
import tempfile
import unittest

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import victim  # noqa: E402
from victim import service_process  # noqa: E402


class AttackCase(unittest.TestCase):
    stubs = None

    @classmethod
    def setUpClass(cls):
        if AttackCase.stubs is None:
            AttackCase.stubs = tempfile.TemporaryDirectory(prefix="sextant-stubs-")
            service_process.make_stubs(pathlib.Path(AttackCase.stubs.name))

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sextant-hostile-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def start(self, flags=(), **process) -> victim.Victim:
        server = victim.Victim(str(service_process.binaries() / "sextantd"), flags, **process)
        self.addCleanup(server.__exit__)
        return server

    def start_each(self):
        """(way, server, target, certificate) for plain IPv4, IPv6, a unix socket, and TLS. The server also listens in
        the clear on a unix socket, for whoever is not the attacker."""
        path = str(self.folder / "attacked")
        server = self.start(["--listen", "[::1]:0", "--listen", "unix:" + path])
        v6 = int(re.search(r"\[::1\]:(\d+)", self.listening(server)).group(1))
        yield "IPv4", server, ("127.0.0.1", server.port()), None
        yield "IPv6", server, ("::1", v6), None
        yield "unix", server, path, None
        certificate, key = victim.make_certificate(self.folder)
        server = self.start(["--tls-cert", certificate, "--tls-key", key])
        yield "TLS", server, ("127.0.0.1", server.port()), certificate

    @staticmethod
    def listening(server) -> str:
        return re.search(r"listening on (.*), database", server.log_text()).group(1)

    @staticmethod
    def credentials(certificate):
        if certificate is None:
            return None
        return grpc.ssl_channel_credentials(pathlib.Path(certificate).read_bytes())

    def watch(self, server, certificate=None) -> victim.Watch:
        address = server.address.replace("127.0.0.1", "localhost") if certificate else ""
        return victim.Watch(server, address, self.credentials(certificate))

    def assert_survived(self, watch: victim.Watch, attack: str):
        """Prints what the attack cost; memory, other people's waits and their calls stay within bounds, and a new client
        is served at once."""
        watch.settle()
        print(watch.report(attack), flush=True)
        self.assertIsNone(watch.victim.process.poll(), "the server is gone: " + watch.victim.log_text())
        self.assertLess(watch.victim.peak_mb(), victim.MEMORY_LIMIT_MB, attack)
        self.assertEqual(watch.failures[:3], [], attack)
        for name, times in watch.times.items():
            self.assertTrue(times, f"{attack}: no {name} was answered")
            self.assertLess(victim.percentile_ms(times, 0.99), victim.P99_LIMIT_MS, f"{attack}: {name}")


def main():
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    unittest.main(verbosity=2)
