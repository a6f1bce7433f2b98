#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator sees: metrics, and a dashboard and alerts that ask for no others; the audit log; logs as JSON with
the caller's ids; health."""
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import grpc
import service_process
from service_process import ROOT, SYSTEM_PROTOS, Sextantd, binaries

STUBS = tempfile.TemporaryDirectory(prefix="sextant-stubs-")
service_process.make_stubs(pathlib.Path(STUBS.name))
study_pb, study_grpc = service_process.message_module("study")
run_pb, run_grpc = service_process.message_module("run")
fit_pb, fit_grpc = service_process.message_module("fit")
system_pb, system_grpc = service_process.message_module("system")

TIMEOUT = 60
PACKAGING = ROOT / "packaging"
METRIC = re.compile(r"\bsextant_[a-z0-9_]+")
SAMPLE = re.compile(r'^([a-z_:][a-z0-9_:]*)(\{.*\})? (\S+)$')
URLS = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(address, path):
    try:
        with URLS.open(f"http://{address}{path}", timeout=TIMEOUT) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class SightTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sextant-sight-")
        self.addCleanup(self.folder.cleanup)
        self.audit = pathlib.Path(self.folder.name) / "audit.jsonl"
        self.server = Sextantd(str(binaries() / "sextantd"), [
            "--metrics", "127.0.0.1:0", "--log-format", "json", "--log-requests", "--audit-log", str(self.audit)])
        self.addCleanup(self.server.__exit__)
        self.studies = study_grpc.StudyServiceStub(self.server.channel)
        self.runs = run_grpc.RunServiceStub(self.server.channel)
        self.metrics = self.find_metrics()

    def lines(self):
        return (self.server.path / "log").read_text(encoding="utf-8").splitlines()

    def find_metrics(self):
        for line in self.lines():
            found = re.search(r"http://([^/]+)/metrics", line)
            if found:
                return found.group(1)
        self.fail("the log does not say where the metrics are")

    def work(self):
        self.studies.CreateStudy(study_pb.CreateStudyRequest(study_id="s"), timeout=TIMEOUT)
        with self.assertRaises(grpc.RpcError):
            self.studies.CreateStudy(study_pb.CreateStudyRequest(study_id="s"), timeout=TIMEOUT)
        run = run_pb.Run(run_id="r", params_non_embedding=1e8, tokens=1e9, learning_rate=1e-3, loss_nats=3)
        run.curve.step.extend([1, 2, 3])
        run.curve.train_loss.extend([4, 3.5, 3])
        list(self.runs.UploadRuns(iter([
            run_pb.UploadRunsRequest(header=run_pb.UploadHeader(parent="studies/s")),
            run_pb.UploadRunsRequest(chunk=run_pb.UploadChunk(index=0, last=True, batch=run_pb.RunBatch(runs=[run])))]),
            timeout=TIMEOUT))
        fits = fit_grpc.FitServiceStub(self.server.channel)
        fit = fits.CreateFit(fit_pb.CreateFitRequest(parent="studies/s", law="lr-power-nd"), timeout=TIMEOUT)
        list(fits.WatchFit(fit_pb.WatchFitRequest(name=fit.name), timeout=TIMEOUT))  # one run: it fails

    def samples(self):
        status, text = get(self.metrics, "/metrics")
        self.assertEqual(status, 200)
        samples = {}
        for line in text.splitlines():
            if line.startswith("#"):
                self.assertRegex(line, r"^# (HELP|TYPE) [a-z_]+ ")
                continue
            match = SAMPLE.match(line)
            self.assertTrue(match, line)
            samples[match.group(1) + (match.group(2) or "")] = float(match.group(3))
        return samples

    def test_metrics_count_what_happened(self):
        self.work()
        samples = self.samples()
        create = {k: v for k, v in samples.items() if k.startswith("sextant_requests_total") and "CreateStudy" in k}
        self.assertEqual(sorted(create.values()), [1, 1], create)
        self.assertTrue(any('code="ALREADY_EXISTS"' in k for k in create))
        self.assertEqual(samples['sextant_uploaded_runs_total{result="accepted"}'], 1)
        self.assertEqual(samples["sextant_uploaded_points_total"], 3)
        self.assertEqual(samples['sextant_fits_total{result="failed"}'], 1)
        self.assertEqual(samples["sextant_fit_seconds_count"], 1)
        self.assertEqual(samples['sextant_request_seconds_count{method="RunService.UploadRuns"}'], 1)
        self.assertGreater(samples['sextant_store_bytes{part="file"}'] + samples['sextant_store_bytes{part="log"}'], 1000)
        # The caller's, and the one that this asks on: it comes through the same door.
        self.assertEqual(samples["sextant_connections_open"], 2)
        buckets = [v for k, v in samples.items()
                   if k.startswith("sextant_request_seconds_bucket") and "CreateStudy" in k]
        self.assertEqual(buckets, sorted(buckets))

    def test_dashboard_and_alerts_ask_for_metrics_that_there_are(self):
        self.work()
        there = {re.sub(r"\{.*", "", name) for name in self.samples()}
        dashboard = json.loads((PACKAGING / "grafana" / "sextant.json").read_text())
        queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        alerts = (PACKAGING / "prometheus" / "sextant-alerts.yml").read_text()
        queries += re.findall(r"expr: (.*)", alerts)
        self.assertGreater(len(queries), 20)
        asked = set()
        for query in queries:
            asked |= set(METRIC.findall(query))
        self.assertEqual(asked - there, set(), "asked for, and not there")
        # Labels and their values are checked too: a name that has changed makes an alert that never fires.
        names = set(self.samples())
        for query in queries:
            for metric, label, operator, value in re.findall(
                    r'(sextant_[a-z0-9_]+)\{([a-z]+)(=~?|!=)"([^"]*)"\}', query):
                self.assertTrue(any(name.startswith(metric + "{") and label + '="' in name for name in names), query)
                if operator == "=":
                    self.assertTrue(any(name.startswith(metric + "{") and f'{label}="{value}"' in name for name in names),
                                    query)

    def test_probes(self):
        self.assertEqual(get(self.metrics, "/healthz"), (200, "ok\n"))
        self.assertEqual(get(self.metrics, "/readyz"), (200, "ok\n"))
        self.assertEqual(get(self.metrics, "/etc/passwd")[0], 404)

    def test_the_port_for_monitoring_has_the_limits_of_the_other_one(self):
        host, port = self.metrics.split(":")

        def exchange(request):
            with socket.create_connection((host, int(port)), timeout=TIMEOUT) as connection:
                connection.sendall(request)
                answer = b""
                while piece := connection.recv(65536):
                    answer += piece
                return answer

        # A body that nobody reads is not taken for the next request.
        inner = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
        for start, code in ((b"POST /metrics", b"405"), (b"GET /metrics", b"400"), (b"DELETE /healthz", b"405")):
            answer = exchange(start + b" HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner)
            self.assertEqual(re.findall(rb"HTTP/1\.1 (\d+)", answer), [code], start)
        # One address has 32 connections (server/http/limits.h); those that say nothing are closed.
        idle = [socket.create_connection((host, int(port)), timeout=TIMEOUT) for _ in range(32)]
        self.assertIn(b" 503 ", exchange(b""))
        for connection in idle:
            connection.close()
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                if get(self.metrics, "/healthz") == (200, "ok\n"):
                    break
            except OSError:
                pass
            self.assertLess(time.monotonic(), deadline)

    def test_probes_on_the_port_for_calls_are_the_same(self):
        with Sextantd(str(binaries() / "sextantd"), ["--http", "127.0.0.1:0", "--http-port-file",
                                                     f"{self.folder.name}/http"]) as server:
            address = "127.0.0.1:" + pathlib.Path(self.folder.name, "http").read_text().strip()
            self.assertEqual(get(address, "/healthz"), (200, "ok\n"))
            self.assertEqual(get(address, "/readyz"), (200, "ok\n"))
            self.assertEqual(get(address, "/metrics")[0], 404, "numbers about the server are for --metrics alone")
            self.assertIsNone(server.process.poll())

    def test_changes_are_in_the_audit_log_and_nothing_else(self):
        self.work()
        self.studies.GetStudy(study_pb.GetStudyRequest(name="studies/s"), timeout=TIMEOUT)
        self.assertEqual(self.audit.stat().st_mode & 0o777, 0o600)
        lines = [json.loads(line) for line in self.audit.read_text().splitlines()]
        self.assertEqual([(line["method"], line["code"]) for line in lines],
                         [("StudyService.CreateStudy", 0), ("StudyService.CreateStudy", 6), ("RunService.UploadRuns", 0),
                          ("FitService.CreateFit", 0)])
        self.assertEqual(lines[0]["what"], ["studies/s"])
        self.assertEqual(lines[2]["what"], ["studies/s"])
        for line in lines:
            self.assertEqual(line["who"], "anyone")
            self.assertTrue(line["from"].startswith("ipv4:127.0.0.1:"), line)
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_logs_are_json_with_the_callers_ids(self):
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        system = system_grpc.SystemServiceStub(self.server.channel)
        system.Ping(system_pb.PingRequest(), timeout=TIMEOUT, metadata=(
            ("x-request-id", "my-id-1"), ("traceparent", f"00-{trace}-00f067aa0ba902b7-01")))
        system.Ping(system_pb.PingRequest(), timeout=TIMEOUT, metadata=(
            ("x-request-id", 'evil" id'), ("traceparent", "00-zz-1-01")))
        with self.assertRaises(grpc.RpcError):
            self.studies.GetStudy(study_pb.GetStudyRequest(name='studies/"\\x'), timeout=TIMEOUT)
        self.server.channel.close()
        deadline = time.monotonic() + TIMEOUT
        calls = []
        while len(calls) < 3 and time.monotonic() < deadline:
            lines = [json.loads(line) for line in self.lines() if line.startswith("{")]
            calls = [line for line in lines if line.get("message") == "call"]
            time.sleep(0.05)
        self.assertEqual([call["method"].rsplit("/", 1)[1] for call in calls], ["Ping", "Ping", "GetStudy"])
        self.assertEqual((calls[0]["request_id"], calls[0]["trace_id"]), ("my-id-1", trace))
        self.assertRegex(calls[1]["request_id"], r"^[0-9a-f]{16}$")
        self.assertNotIn("trace_id", calls[1])
        self.assertEqual(calls[2]["code"], 3)

    def test_health_is_watched(self):
        subprocess.run(["protoc", f"--proto_path={SYSTEM_PROTOS}", f"--python_out={STUBS.name}/system_protos",
                        "grpc/health/v1/health.proto"], check=True)
        # By its descriptor: a package grpc of our own would hide the library.
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
        subprocess.run(["protoc", f"--proto_path={SYSTEM_PROTOS}", f"--descriptor_set_out={STUBS.name}/health.pb",
                        "grpc/health/v1/health.proto"], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(STUBS.name, "health.pb").read_bytes())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        factory = message_factory.MessageFactory(pool)
        request = factory.GetPrototype(pool.FindMessageTypeByName("grpc.health.v1.HealthCheckRequest"))
        response = factory.GetPrototype(pool.FindMessageTypeByName("grpc.health.v1.HealthCheckResponse"))
        watch = self.server.channel.unary_stream("/grpc.health.v1.Health/Watch", request.SerializeToString,
                                                 response.FromString)(request(service="sextant.v1.StudyService"),
                                                                      timeout=TIMEOUT)
        self.assertEqual(next(watch).status, 1)
        self.server.process.terminate()
        self.assertEqual(next(watch).status, 2, "NOT_SERVING is sent when the stop begins")


if __name__ == "__main__":
    unittest.main(verbosity=2)
