# SPDX-License-Identifier: Apache-2.0
"""A connection to sextantd: a running one, or one that is started on a unix socket."""
import hashlib
import os
import pathlib
import threading
import time
from typing import Any, Iterable, Iterator, Optional

import grpc

from sextant import local_server
from sextant.errors import from_rpc

_OPTIONS = [("grpc.max_receive_message_length", 64 << 20), ("grpc.enable_http_proxy", 0),
            ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 2000)]


# Of a call to a server that this or another process started and may be ending: 3 s in all.
_ATTEMPTS = 6


class Connection:
    """Calls of the API. Thread-safe; one per server and process is enough (`connect` keeps it)."""

    def __init__(self, server: str, token: Optional[str] = None, root_certificates: Optional[bytes] = None,
                 database: Optional[pathlib.Path] = None):
        """server: "HOST:PORT", "unix:PATH" or "https://HOST:PORT". With `database`, the server at that unix socket is
        started over it whenever nobody answers there. A token goes over TLS, loopback or a unix socket only."""
        self.server = server
        self._database = database
        secure = server.startswith(("https://", "grpcs://"))
        address = server.split("://", 1)[1] if "://" in server else server
        if secure:
            credentials = grpc.ssl_channel_credentials(root_certificates)
            self._channel = grpc.secure_channel(address, credentials, options=_OPTIONS)
        else:
            self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        if token and not secure and not _is_local(address):
            raise ValueError(f"the token would go to {address} unencrypted: use https://{address}")
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._methods: dict[str, Any] = {}

    def ensure_running(self) -> None:
        """Starts the server of `database` if it is ours to start and nobody answers. Raises SextantError."""
        if self._database is not None:
            local_server.ensure_running(self.server.removeprefix("unix:"), self._database)

    def call(self, method: str, request: Any, response_type: Any, timeout: float = 60) -> Any:
        """One unary call, "RunService/GetRun"; raises SextantError. A server of one's own that another process has just
        ended is started again."""
        for attempt in range(_ATTEMPTS):
            try:
                return self._method("unary_unary", method, response_type)(
                    request, timeout=timeout, metadata=self._metadata)
            except grpc.RpcError as error:
                failure = from_rpc(error)
                last = attempt == _ATTEMPTS - 1
                if self._database is None or failure.code != grpc.StatusCode.UNAVAILABLE or last:
                    raise failure from None
            time.sleep(0.1 * 2**attempt)
            self.ensure_running()

    def server_stream(self, method: str, request: Any, response_type: Any) -> Iterator[Any]:
        """The answers of a server-streaming call; raises SextantError."""
        try:
            yield from self._method("unary_stream", method, response_type)(request, metadata=self._metadata)
        except grpc.RpcError as error:
            raise from_rpc(error) from None

    def stream(self, method: str, requests: Iterable[Any], response_type: Any, timeout: float) -> Iterator[Any]:
        """The answers of a bidirectional call; raises SextantError."""
        try:
            yield from self._method("stream_stream", method, response_type)(
                iter(requests), timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise from_rpc(error) from None

    def close(self) -> None:
        self._channel.close()

    def _method(self, kind: str, method: str, response_type: Any) -> Any:
        if method not in self._methods:
            self._methods[method] = getattr(self._channel, kind)(
                f"/sextant.v1.{method}", request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=response_type.FromString)
        return self._methods[method]


def _is_local(address: str) -> bool:
    return address.startswith(("unix:", "127.", "localhost:", "[::1]"))


def _default_database() -> pathlib.Path:
    """Where the command line keeps its records, too."""
    if os.environ.get("SEXTANT_DB"):
        return pathlib.Path(os.environ["SEXTANT_DB"]).absolute()
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return pathlib.Path(data) / "sextant" / "sextant.db"


def _socket_of(database: pathlib.Path) -> str:
    """A socket of this user for this database: its path is short (107 bytes at most), so it is a digest."""
    folder = os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/sextant-{os.getuid()}"
    name = hashlib.sha256(os.fsencode(str(database))).hexdigest()[:16]
    return f"{folder}/sextant-{name}.sock"


_connections: dict[tuple, Connection] = {}
_lock = threading.Lock()


def connect(server: Optional[str] = None, token: Optional[str] = None) -> Connection:
    """The connection to `server` (see Connection), to $SEXTANT_SERVER, or to a sextantd over the default database. Kept:
    the same arguments give the same object. Does not wait for the server."""
    server = server or os.environ.get("SEXTANT_SERVER") or ""
    token = token or os.environ.get("SEXTANT_TOKEN")
    database = None if server else _default_database()
    key = (server or str(database), token, os.getpid())
    with _lock:
        if key not in _connections:
            _connections[key] = Connection(server or f"unix:{_socket_of(database)}", token, database=database)
        return _connections[key]
