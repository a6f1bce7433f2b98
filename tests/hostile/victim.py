# SPDX-License-Identifier: Apache-2.0
"""A sextantd that is attacked: its memory, its descriptors, and how long others wait meanwhile."""
import os
import pathlib
import subprocess
import sys
import threading
import time

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "conformance"))
import service_process  # noqa: E402

MEMORY_LIMIT_MB = 512
# What one waits for an answer while an attack goes on, on a machine that its client shares.
P99_LIMIT_MS = 1500
PROBE_EVERY_S = 0.01
ENOUGH_ANSWERS, SETTLE_S = 20, 10


def make_certificate(folder: pathlib.Path) -> tuple:
    """A self-signed certificate for localhost, 127.0.0.1 and ::1: (certificate, key) files."""
    certificate, key = folder / "server.pem", folder / "server.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"], check=True, capture_output=True)
    return str(certificate), str(key)


class Victim(service_process.Sextantd):
    """sextantd, and what the system says of it."""

    def memory_mb(self) -> float:
        return self._status_kb("VmRSS") / 1024

    def peak_mb(self) -> float:
        return self._status_kb("VmHWM") / 1024

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    def log_text(self) -> str:
        return (self.path / "log").read_text(encoding="utf-8", errors="replace")

    def _status_kb(self, name: str) -> int:
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(name + ":"):
                    return int(line.split()[1])
        raise RuntimeError(f"no {name}")


def percentile_ms(seconds: list, share: float) -> float:
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class Watch:
    """While it is open: the most descriptors, and the times that Predict and Ping take a client of its own."""

    def __init__(self, victim: Victim, address: str = "", credentials=None):
        self.victim = victim
        self.times = {"Predict": [], "Ping": []}
        self.failures = []
        self.descriptors = 0
        options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
        target = address or victim.address
        self.channel = (grpc.secure_channel(target, credentials, options) if credentials
                        else grpc.insecure_channel(target, options))
        prediction, prediction_stubs = service_process.message_module("prediction")
        system, system_stubs = service_process.message_module("system")
        predictions = prediction_stubs.PredictionServiceStub(self.channel)
        request = prediction.PredictRequest(params=1e9, tokens=2e10)
        server = system_stubs.SystemServiceStub(self.channel)
        self.calls = {"Predict": lambda: predictions.Predict(request, timeout=20),
                      "Ping": lambda: server.Ping(system.PingRequest(), timeout=20)}
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._loop)

    def _loop(self):
        while not self.done.wait(PROBE_EVERY_S):
            self.descriptors = max(self.descriptors, self.victim.descriptors())
            for name, call in self.calls.items():
                begin = time.perf_counter()
                try:
                    call()
                    self.times[name].append(time.perf_counter() - begin)
                except grpc.RpcError as error:
                    self.failures.append(f"{name}: {error.code().name}: {error.details()}")

    def __enter__(self):
        for call in self.calls.values():
            call()  # the channel is up before the attack begins
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.channel.close()

    def settle(self) -> None:
        """Waits until there are enough answers to speak of."""
        end = time.monotonic() + SETTLE_S
        while min(map(len, self.times.values())) < ENOUGH_ANSWERS and not self.failures and time.monotonic() < end:
            time.sleep(PROBE_EVERY_S)

    def report(self, attack: str) -> str:
        return (f"{attack}: peak {self.victim.peak_mb():.0f} MB, now {self.victim.memory_mb():.0f} MB, "
                f"{self.descriptors} descriptors, " +
                ", ".join(f"{name} p99 {percentile_ms(times, 0.99):.1f} ms of {len(times)}"
                          for name, times in self.times.items()) + f", {len(self.failures)} calls failed")
