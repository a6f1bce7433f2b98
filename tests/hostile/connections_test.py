#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""More connections and streams than the server has room for."""
import resource
import time

import attack_case
import http2
import victim
from victim import service_process

ATTACKER = "127.0.0.2"  # everybody else comes from 127.0.0.1
UPLOAD = "sextant.v1.RunService/UploadRuns"
CONNECTIONS, STREAMS = 10000, 1000
PROMPT_S = 1


def attempt(target, count: int, source=None, certificate=None) -> tuple:
    """Opens `count` connections and says hello on each, keeps those that live, and returns them with the longest time
    until one was refused."""
    opened, longest = [], 0.0
    for _ in range(count):
        begin = time.perf_counter()
        try:
            connection = http2.connect(target, source=source)
            connection.sendall(http2.PREFACE if certificate is None else b"\x16\x03\x01")
            opened.append(connection)
        except OSError:
            longest = max(longest, time.perf_counter() - begin)
        if len(opened) % 256 == 0:
            opened = alive(opened)
    time.sleep(0.3)  # the last refusals are under way
    return alive(opened), longest


def alive(connections: list) -> list:
    kept = []
    for connection in connections:
        connection.setblocking(False)
        try:
            lives = connection.recv(65536) != b""
        except BlockingIOError:
            lives = True
        except OSError:
            lives = False
        if lives:
            kept.append(connection)
        else:
            connection.close()
    return kept


class ConnectionsTest(attack_case.AttackCase):
    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def test_more_connections_than_descriptors(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
        path = str(self.folder / "attacked")
        certificate, key = victim.make_certificate(self.folder)
        for way, flags, target in (
                ("IPv4", (), None), ("unix", ("--listen", "unix:" + path), path),
                ("TLS", ("--tls-cert", certificate, "--tls-key", key), None)):
            encrypted = way == "TLS"
            server = self.start(flags, preexec_fn=limit)
            certificate_file = certificate if encrypted else None
            with self.subTest(way), self.watch(server, certificate_file) as watch:
                opened, _ = attempt(target or ("127.0.0.1", server.port()), 1224,
                                    None if target else ATTACKER, certificate_file)
                self.assertLessEqual(len(opened), 512)
                self.assertEqual(self.backed_up(watch), "SQLite format 3")
                self.assert_survived(watch, f"1224 connections at 1024 descriptors, {way}, {len(opened)} kept")
            for connection in opened:
                connection.close()
            with self.watch(server, certificate_file) as watch:  # a new channel
                time.sleep(0.2)
            self.assertEqual(watch.failures, [])

    def test_ten_thousand_connections_of_one_address(self):
        server = self.start()
        with self.watch(server) as watch:
            opened, longest = attempt(("127.0.0.1", server.port()), CONNECTIONS, ATTACKER)
            self.assert_survived(watch, f"{CONNECTIONS} connections of one address, {len(opened)} kept, refused within "
                                        f"{1000 * longest:.0f} ms")
            self.assertLessEqual(len(opened), 512)
            self.assertLess(longest, PROMPT_S)
        with self.watch(server) as watch:
            time.sleep(0.2)
        self.assertEqual(watch.failures, [])
        for connection in opened:
            connection.close()

    def test_silent_connections_are_ended(self):
        server = self.start()
        connection = http2.connect(("127.0.0.1", server.port()), source=ATTACKER)
        self.addCleanup(connection.close)
        self.assertTrue(http2.is_closed(connection, 15))

    def test_a_thousand_streams_of_one_address(self):
        server = self.start()
        with self.watch(server) as watch:
            connection = http2.open_http2(("127.0.0.1", server.port()), source=ATTACKER)
            self.addCleanup(connection.close)
            begin = time.perf_counter()
            try:
                for stream in range(1, 2 * STREAMS, 2):
                    connection.sendall(http2.call_frame(UPLOAD, stream))
            except OSError:
                pass
            self.assertTrue(http2.is_closed(connection))
            self.assert_survived(watch, f"{STREAMS} streams on one connection, cut within "
                                        f"{1000 * (time.perf_counter() - begin):.0f} ms")

    @staticmethod
    def backed_up(watch) -> str:
        messages, stubs = service_process.message_module("system")
        answers = stubs.SystemServiceStub(watch.channel).BackUp(messages.BackUpRequest(), timeout=20)
        return b"".join(answer.data for answer in answers)[:15].decode()


if __name__ == "__main__":
    attack_case.main()
