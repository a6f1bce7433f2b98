# SPDX-License-Identifier: Apache-2.0
"""Just enough HTTP/2 to misuse it: frames and HPACK literals over a plain, TLS, IPv6 or unix socket."""
import socket
import ssl
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, CONTINUATION = 0, 1, 3, 4, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
TIMEOUT_S = 20


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header field without indexing and without Huffman code; lengths under 127 (RFC 7541, section 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def call_headers(method: str) -> bytes:
    """The header block of a gRPC call: sextant.v1.PredictionService/Predict and the like, without a token."""
    fields = ((":method", "POST"), (":scheme", "http"), (":path", "/" + method), (":authority", "localhost"),
              ("content-type", "application/grpc"), ("te", "trailers"))
    return b"".join(literal(name, value) for name, value in fields)


def call_frame(method: str, stream: int) -> bytes:
    return frame(HEADERS, END_HEADERS, stream, call_headers(method))


def connect(target, certificate=None, source=None) -> socket.socket:
    """Opens a connection to ("127.0.0.1", port), ("::1", port) or the path of a unix socket; with TLS where the PEM
    file of the server's certificate is given; from the address `source` where one is."""
    if isinstance(target, str):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT_S)
        connection.connect(target)
    else:
        connection = socket.create_connection(target, timeout=TIMEOUT_S, source_address=source and (source, 0))
    if certificate is None:
        return connection
    context = ssl.create_default_context(cafile=certificate)
    context.set_alpn_protocols(["h2"])
    return context.wrap_socket(connection, server_hostname="localhost")


def open_http2(target, certificate=None, source=None, settings: bytes = b"") -> socket.socket:
    """A connection that has said hello. The server's settings are not acknowledged: a client need not."""
    connection = connect(target, certificate, source)
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0, settings))
    return connection


def is_closed(connection: socket.socket, patience_s: float = 5) -> bool:
    """Whether the other side ends the connection within `patience_s`; reads and drops what it still sends."""
    connection.settimeout(patience_s)
    try:
        while connection.recv(65536):
            pass
        return True
    except (TimeoutError, socket.timeout):
        return False
    except OSError:
        return True


class Sender:
    """Sends message bytes on streams as fast as the server's flow control lets it, as an honest library would."""
    SETTINGS_INITIAL_WINDOW, WINDOW_UPDATE = 4, 8

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.connection.settimeout(0.05)
        self.initial = 65535
        self.window = 65535
        self.streams = {}
        self.pending = b""
        self.closed = False
        self.sent = 0

    def open(self, method: str, stream: int, message_bytes: int) -> None:
        """Begins a call and a message that says it is `message_bytes` long."""
        self.streams[stream] = self.initial
        self._send(call_frame(method, stream))
        self.data(stream, b"\x00" + struct.pack(">I", message_bytes))

    def data(self, stream: int, payload: bytes) -> bool:
        """Sends it if the windows have room for it; False if they have not."""
        if min(self.window, self.streams[stream]) < len(payload):
            return False
        self.window -= len(payload)
        self.streams[stream] -= len(payload)
        self._send(frame(DATA, 0, stream, payload))
        return True

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view and not self.closed:
            try:
                count = self.connection.send(view)
                self.sent += count
                view = view[count:]
            except (TimeoutError, socket.timeout, ssl.SSLWantWriteError):
                self.read()
            except OSError:
                self.closed = True

    def read(self) -> None:
        """Takes in what the server has sent: windows and settings."""
        try:
            data = self.connection.recv(1 << 16)
        except (TimeoutError, socket.timeout, ssl.SSLWantReadError):
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        self.pending += data
        while len(self.pending) >= 9:
            length = int.from_bytes(self.pending[:3], "big")
            if len(self.pending) < 9 + length:
                return
            kind, flags = self.pending[3], self.pending[4]
            stream = int.from_bytes(self.pending[5:9], "big") & 0x7FFFFFFF
            self._take(kind, flags, stream, self.pending[9:9 + length])
            self.pending = self.pending[9 + length:]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == self.WINDOW_UPDATE:
            more = int.from_bytes(payload, "big") & 0x7FFFFFFF
            if stream == 0:
                self.window += more
            elif stream in self.streams:
                self.streams[stream] += more
        elif kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload) - 5, 6):
                name, value = struct.unpack(">HI", payload[at:at + 6])
                if name == self.SETTINGS_INITIAL_WINDOW:
                    for known in self.streams:
                        self.streams[known] += value - self.initial
                    self.initial = value
            self._send(frame(SETTINGS, ACK, 0))
        elif kind == RST_STREAM:
            self.streams.pop(stream, None)
