#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Header blocks and messages that do not end, before any token is asked for."""
import time

import attack_case
import http2

PREDICT = "sextant.v1.PredictionService/Predict"
FLOOD_S = 4
FLOOD_BYTES = 1 << 30
PIECE = b"m" * 16384
# Free memory goes back to the system once a second, but for what the next upload would ask for again.
RETURN_S, KEPT_MB = 2.5, 64


def flood(connection, piece: bytes) -> int:
    """Sends `piece` again and again until the server cuts it off; gives up after FLOOD_S or FLOOD_BYTES. How many bytes
    were taken."""
    end = time.monotonic() + FLOOD_S
    sent = 0
    try:
        while time.monotonic() < end and sent < FLOOD_BYTES:
            connection.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent


class FloodTest(attack_case.AttackCase):
    def opened(self, target, certificate):
        connection = http2.open_http2(target, certificate)
        self.addCleanup(connection.close)
        return connection

    def test_a_header_block_that_does_not_end(self):
        field = http2.literal("x-flood", "v" * 100)
        continuation = http2.frame(http2.CONTINUATION, 0, 1, field * 140)
        for way, server, target, certificate in self.start_each():
            with self.subTest(way), self.watch(server, certificate) as watch:
                connection = self.opened(target, certificate)
                connection.sendall(http2.frame(http2.HEADERS, 0, 1, http2.call_headers(PREDICT)))
                sent = flood(connection, continuation)
                time.sleep(0.3)
                self.assert_survived(watch, f"CONTINUATION flood, {way}, {sent >> 20} MB sent")
                self.assertTrue(http2.is_closed(connection))
                self.assertLess(sent, 16 << 20)

    def test_a_header_block_in_many_small_frames(self):
        # Each refers to one field of 3 KB that the first one has put into the table.
        value = b"v" * 3000
        length = len(value) - 127
        long_field = (b"\x40\x07x-flood\x7f" + bytes([length & 0x7F | 0x80, length >> 7]) + value)
        small = http2.frame(http2.CONTINUATION, 0, 1, b"\xbe\xbe") * 1000
        for way, server, target, certificate in self.start_each():
            with self.subTest(way), self.watch(server, certificate) as watch:
                connection = self.opened(target, certificate)
                connection.sendall(http2.frame(http2.HEADERS, 0, 1, http2.call_headers(PREDICT) + long_field))
                sent = flood(connection, small)
                time.sleep(0.3)
                self.assert_survived(watch, f"small CONTINUATION frames, {way}, {sent >> 10} KB sent")
                self.assertTrue(http2.is_closed(connection))
                self.assertLess(sent, 16 << 20)

    def test_messages_that_do_not_end(self):
        for way, server, target, certificate in self.start_each():
            before = server.memory_mb()
            with self.subTest(way), self.watch(server, certificate) as watch:
                senders = [http2.Sender(self.opened(target, certificate)) for _ in range(4)]
                for sender in senders:
                    for stream in range(1, 121, 2):
                        sender.open(PREDICT, stream, 0xFFFFFFF0)
                end = time.monotonic() + FLOOD_S
                while time.monotonic() < end and not all(sender.closed for sender in senders):
                    for sender in senders:
                        moved = [sender.data(stream, PIECE) for stream in list(sender.streams)]
                        if not any(moved) and not sender.closed:
                            sender.read()
                sent = sum(sender.sent for sender in senders)
                for sender in senders:
                    self.assertTrue(sender.closed or http2.is_closed(sender.connection, 0.1))
                time.sleep(RETURN_S)
                self.assert_survived(watch, f"messages without end, {way}, {sent >> 20} MB sent")
                self.assertLess(server.memory_mb(), before + KEPT_MB)


if __name__ == "__main__":
    attack_case.main()
