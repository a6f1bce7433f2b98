#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Connect protocol over HTTP/1.1, with the standard library alone, and with curl where it is installed."""
import base64
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import unittest

from tls_files import make_certificate

BIN = pathlib.Path(os.environ["SEXTANT_BIN_DIR"])
JSON = {"Content-Type": "application/json"}


class Daemon:
    """A sextantd with --http on a free port."""

    def __init__(self, *flags):
        self.folder = tempfile.TemporaryDirectory(prefix="sextant-connect-")
        path = pathlib.Path(self.folder.name)
        port_file = path / "http-port"
        self.log = open(path / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [BIN / "sextantd", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--http-port-file", port_file,
             "--db", path / "test.db", "--fsync", "normal", "--shutdown-seconds", "5", *map(str, flags)],
            stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                raise RuntimeError("sextantd did not start: " + self.log.read())
            time.sleep(0.01)
        self.port = int(port_file.read_text(encoding="utf-8"))

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.log.close()
        self.folder.cleanup()

    def request(self, path, body=b"", headers=JSON, method="POST", tls=None):
        """(status, headers, body) of one request on a connection of its own. `tls`: an ssl.SSLContext."""
        connection = (http.client.HTTPSConnection("localhost", self.port, timeout=60, context=tls) if tls else
                      http.client.HTTPConnection("127.0.0.1", self.port, timeout=60))
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def call(self, method, message, headers=JSON):
        status, _, body = self.request("/sextant.v1." + method, json.dumps(message).encode(), headers)
        return status, json.loads(body)


def envelope(message):
    return b"\0" + struct.pack(">I", len(message)) + message


def envelopes(body):
    """[(flags, message)]"""
    found = []
    while body:
        size = struct.unpack(">I", body[1:5])[0]
        found.append((body[0], body[5:5 + size]))
        body = body[5 + size:]
    return found


def sweep():
    """Runs around a known optimum, as messages."""
    runs = []
    for i, n in enumerate((1e6, 4e6, 16e6)):
        for j, d in enumerate((1e8, 4e8, 16e8)):
            for k in range(7):
                off = 0.4 * (k - 3) + 0.05 * ((i + 2 * j) % 3 - 1)
                runs.append({"runId": f"r{i}-{j}-{k}", "paramsNonEmbedding": n, "tokens": d,
                             "learningRate": 2 * n ** -0.4 * d ** 0.1 * 2.718281828 ** off, "batchSizeTokens": 65536,
                             "lossNats": (1.7 + 400 / n ** 0.34 + 400 / d ** 0.28) * (1 + 0.05 * off * off),
                             "state": "FINISHED"})
    return runs


class ConnectTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def test_unary_answers_json(self):
        status, answer = self.daemon.call("PredictionService/Predict", {"params": 1e9, "tokens": 1e11, "laws": ["step-law-lr"]})
        self.assertEqual(status, 200)
        self.assertEqual(answer["predictions"][0]["laws"], ["step-law-lr"])
        self.assertGreater(answer["predictions"][0]["learningRate"]["value"], 0)

    def test_proto_field_names_are_taken_too(self):
        status, answer = self.daemon.call("StudyService/CreateStudy", {"study_id": "snake", "study": {"param_count": "TOTAL"}})
        self.assertEqual((status, answer["paramCount"]), (200, "TOTAL"))

    def test_unary_answers_binary(self):
        # GetStudyRequest{name: "studies/published"}
        name = b"studies/published"
        status, headers, body = self.daemon.request(
            "/sextant.v1.StudyService/GetStudy", b"\x0a" + bytes([len(name)]) + name, {"Content-Type": "application/proto"})
        self.assertEqual((status, headers["Content-Type"]), (200, "application/proto"))
        self.assertTrue(body.startswith(b"\x0a" + bytes([len(name)]) + name))

    def test_errors_have_code_status_and_details(self):
        status, answer = self.daemon.call("StudyService/GetStudy", {"name": "studies/none"})
        self.assertEqual((status, answer["code"]), (404, "not_found"))
        self.assertIn("none", answer["message"])
        details = {detail["type"]: detail for detail in answer["details"]}
        self.assertEqual(details["google.rpc.ErrorInfo"]["debug"]["reason"], "STUDY_NOT_FOUND")
        value = details["google.rpc.ErrorInfo"]["value"]
        self.assertNotIn("=", value)
        self.assertIn(b"STUDY_NOT_FOUND", base64.b64decode(value + "=" * (-len(value) % 4)))

    def test_every_wrong_field_is_named(self):
        status, answer = self.daemon.call("StudyService/CreateStudy", {"studyId": "No", "study": {"title": "x" * 5000}})
        self.assertEqual((status, answer["code"]), (400, "invalid_argument"))
        bad = next(d["debug"] for d in answer["details"] if d["type"] == "google.rpc.BadRequest")
        self.assertEqual({v["field"] for v in bad["fieldViolations"]}, {"study_id", "study.title"})

    def test_bad_json_is_refused(self):
        for body in (b"{", b"[]", b'{"nme": 1}', b'{"name": 3}', b'{"name": "\xff"}', b"[" * 5000, b"\0", b'{"name": "a"} x'):
            status, _, answer = self.daemon.request("/sextant.v1.StudyService/GetStudy", body)
            self.assertEqual(status, 400, body[:20])
            self.assertEqual(json.loads(answer)["code"], "invalid_argument", body[:20])

    def test_bytes_that_are_no_message_are_refused(self):
        status, _, answer = self.daemon.request("/sextant.v1.StudyService/GetStudy", b"\x0a\xff\xff",
                                                {"Content-Type": "application/proto"})
        self.assertEqual((status, json.loads(answer)["code"]), (400, "invalid_argument"))

    def test_unknown_method_type_and_version(self):
        for path in ("/sextant.v1.StudyService/None", "/sextant.v1.None/List", "/", "/google.rpc.X/Y", "/a/b/c"):
            self.assertEqual(self.daemon.request(path, b"{}")[0], 501, path)
        self.assertEqual(self.daemon.request("/sextant.v1.StudyService/ListStudies", b"{}", {"Content-Type": "text/plain"})[0], 415)
        self.assertEqual(self.daemon.request("/sextant.v1.StudyService/ListStudies", b"{}",
                                             {**JSON, "Connect-Protocol-Version": "2"})[0], 400)
        self.assertEqual(self.daemon.request("/sextant.v1.StudyService/ListStudies", b"{}",
                                             {**JSON, "Connect-Protocol-Version": "1"})[0], 200)

    def test_a_deadline_ends_a_call(self):
        status, answer = self.daemon.call("StudyService/ListStudies", {}, {**JSON, "Connect-Timeout-Ms": "0"})
        self.assertEqual((status, answer["code"]), (504, "deadline_exceeded"))
        for wrong in ("-1", "1e3", "99999999999"):
            status, answer = self.daemon.call("StudyService/ListStudies", {}, {**JSON, "Connect-Timeout-Ms": wrong})
            self.assertEqual(status, 400, wrong)

    def test_a_long_body_is_refused(self):
        status, _, answer = self.daemon.request("/sextant.v1.LawService/CreateLaw", b'{"toml":"' + b"x" * (5 << 20) + b'"}')
        self.assertEqual((status, json.loads(answer)["code"]), (429, "resource_exhausted"))
        # Longer than HTTP bodies may be: the server says so, or hangs up while the rest is on its way.
        try:
            self.assertIn(self.daemon.request("/sextant.v1.LawService/CreateLaw", b"x" * (17 << 20))[0], (413, 429, 400))
        except (ConnectionError, http.client.HTTPException):
            pass
        self.assertEqual(self.daemon.call("StudyService/ListStudies", {})[0], 200)

    def test_compressed_bodies_stay_within_the_limit(self):
        import gzip
        headers = {**JSON, "Content-Encoding": "gzip"}
        body = gzip.compress(json.dumps({"name": "studies/published"}).encode())
        self.assertEqual(self.daemon.request("/sextant.v1.StudyService/GetStudy", body, headers)[0], 200)
        bomb = gzip.compress(b'{"name":"' + b"x" * (64 << 20) + b'"}')
        self.assertIn(self.daemon.request("/sextant.v1.StudyService/GetStudy", bomb, headers)[0], (400, 413, 429))

    def test_upload_and_watch_are_streams(self):
        self.assertEqual(self.daemon.call("StudyService/CreateStudy", {"studyId": "streams"})[0], 200)
        messages = [{"header": {"parent": "studies/streams", "uploadId": "u1"}},
                    {"chunk": {"index": 0, "batch": {"runs": sweep()}, "last": True}}]
        headers = {"Content-Type": "application/connect+json"}
        status, answer_headers, body = self.daemon.request(
            "/sextant.v1.RunService/UploadRuns", b"".join(envelope(json.dumps(m).encode()) for m in messages), headers)
        self.assertEqual((status, answer_headers["Content-Type"]), (200, "application/connect+json"))
        parts = envelopes(body)
        self.assertEqual(parts[-1], (2, b"{}"))
        self.assertEqual(json.loads(parts[-2][1])["accepted"], len(sweep()))
        status, fit = self.daemon.call("FitService/CreateFit", {"parent": "studies/streams", "law": "loss-chinchilla",
                                                              "bootstrapReplicates": 20})
        self.assertEqual(status, 200)
        _, _, body = self.daemon.request("/sextant.v1.FitService/WatchFit",
                                         envelope(json.dumps({"name": fit["name"]}).encode()), headers)
        parts = envelopes(body)
        self.assertEqual(parts[-1], (2, b"{}"))
        self.assertEqual(json.loads(parts[-2][1])["state"], "FIT_SUCCEEDED")

    def test_errors_of_streams_come_at_their_end(self):
        headers = {"Content-Type": "application/connect+json"}
        status, _, body = self.daemon.request("/sextant.v1.FitService/WatchFit",
                                              envelope(b'{"name":"studies/none/fits/none"}'), headers)
        self.assertEqual(status, 200)
        (flags, end), = envelopes(body)
        error = json.loads(end)["error"]
        self.assertEqual((flags, error["code"]), (2, "not_found"))
        self.assertTrue(error["details"])
        for wrong in (b"\0\0\0\0\xff{}", b"\1\0\0\0\2{}", b"", envelope(b"{}") * 2, envelope(b"{")):
            (flags, end), = envelopes(self.daemon.request("/sextant.v1.FitService/WatchFit", wrong, headers)[2])
            self.assertEqual(flags, 2)
            self.assertIn(json.loads(end)["error"]["code"], ("invalid_argument", "unimplemented"))
        # A stream asked for as if it were none.
        self.assertEqual(self.daemon.call("FitService/WatchFit", {"name": "studies/s/fits/f"})[0], 400)

    def test_other_sites_are_kept_out(self):
        path = "/sextant.v1.StudyService/ListStudies"
        self.assertEqual(self.daemon.request(path, b"{}", {**JSON, "Origin": "https://evil.example"})[0], 403)
        self.assertEqual(self.daemon.request(path, b"{}", {**JSON, "Host": "evil.example"})[0], 403)
        own = f"127.0.0.1:{self.daemon.port}"
        status, headers, _ = self.daemon.request(path, b"{}", {**JSON, "Origin": "http://" + own, "Host": own})
        self.assertEqual(status, 200)
        self.assertNotIn("Access-Control-Allow-Origin", headers)

    def raw(self, data):
        with socket.create_connection(("127.0.0.1", self.daemon.port), timeout=60) as raw:
            raw.sendall(data)
            raw.shutdown(socket.SHUT_WR)
            answer = b""
            while part := raw.recv(65536):
                answer += part
            return answer

    def test_a_body_is_not_taken_for_the_next_request(self):
        inner = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        head = b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        length = b"Content-Length: %d\r\n\r\n" % len(inner)
        for start in (b"POST /no/Method", b"GET /healthz", b"PUT /x", b"DELETE /x", b"POST /sextant.v1.StudyService/ListStudies"):
            answer = self.raw(start + head + length + inner)
            self.assertEqual(answer.count(b"HTTP/1.1 "), 1, start)
        both = b"POST /sextant.v1.StudyService/ListStudies" + head + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}" + inner
        self.assertNotIn(b"ok\n", self.raw(both))
        two = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self.assertEqual(self.raw(two + two).count(b"ok\n"), 2, "requests may follow one another")

    def test_headers_have_an_end(self):
        with socket.create_connection(("127.0.0.1", self.daemon.port), timeout=60) as raw:
            raw.sendall(b"POST /sextant.v1.StudyService/ListStudies HTTP/1.1\r\nHost: localhost\r\n")
            sent = 0
            try:
                while sent < 4 << 20:
                    sent += raw.send(b"X-Filler: " + b"a" * 1000 + b"\r\n")
                answer = raw.recv(100)
            except ConnectionError:
                answer = b""
            self.assertNotIn(b" 200 ", answer)
        self.assertEqual(self.daemon.call("StudyService/ListStudies", {})[0], 200)

    def test_too_many_connections_are_told_so(self):
        held = [socket.create_connection(("127.0.0.1", self.daemon.port), timeout=60) for _ in range(40)]
        try:
            answers = []
            for raw in held:
                try:
                    raw.settimeout(0.2)
                    answers.append(raw.recv(1000))
                except TimeoutError:
                    pass
            self.assertTrue(any(b" 503 " in answer for answer in answers))
        finally:
            for raw in held:
                raw.close()
        deadline = time.monotonic() + 30
        while True:
            try:
                if self.daemon.call("StudyService/ListStudies", {})[0] == 200:
                    break
            except (ConnectionError, http.client.HTTPException, json.JSONDecodeError):
                pass
            self.assertLess(time.monotonic(), deadline, "the places were not given back")

    def test_probes_and_the_page(self):
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.daemon.request(path, method="GET", headers={})[::2], (200, b"ok\n"))
        status, headers, body = self.daemon.request("/", method="GET", headers={})
        self.assertEqual(status, 200)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertTrue(body)
        self.assertEqual(self.daemon.request("/../etc/passwd", method="GET", headers={})[0], 404)

    def test_health_service(self):
        status, _, body = self.daemon.request("/grpc.health.v1.Health/Check", b"{}")
        self.assertEqual((status, json.loads(body)), (200, {"status": "SERVING"}))

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_curl(self):
        url = f"http://127.0.0.1:{self.daemon.port}/sextant.v1.StudyService/GetStudy"
        done = subprocess.run(["curl", "-sS", "--noproxy", "*", "-H", "Content-Type: application/json", "-d",
                               '{"name": "studies/published"}', url], capture_output=True, text=True, timeout=60, check=True)
        self.assertTrue(json.loads(done.stdout)["readOnly"])


class AccessTest(unittest.TestCase):
    def test_tokens_are_asked_for(self):
        with tempfile.TemporaryDirectory() as folder:
            tokens = pathlib.Path(folder) / "tokens"
            tokens.write_text("a-token-of-sixteen-bytes\n")
            tokens.chmod(0o600)
            daemon = Daemon("--token-file", tokens)
            try:
                status, answer = daemon.call("StudyService/ListStudies", {})
                self.assertEqual((status, answer["code"]), (401, "unauthenticated"))
                status, _ = daemon.call("StudyService/ListStudies", {}, {**JSON, "Authorization": "Bearer wrong-token-0123456789"})
                self.assertEqual(status, 401)
                status, _ = daemon.call("StudyService/ListStudies", {}, {**JSON, "Authorization": "Bearer a-token-of-sixteen-bytes"})
                self.assertEqual(status, 200)
                (_, end), = envelopes(daemon.request("/sextant.v1.FitService/WatchFit", envelope(b'{"name":"studies/s/fits/f"}'),
                                                     {"Content-Type": "application/connect+json"})[2])
                self.assertEqual(json.loads(end)["error"]["code"], "unauthenticated")
            finally:
                daemon.close()

    def test_named_origins_may_call(self):
        daemon = Daemon("--http-allow-origin", "https://lab.example")
        try:
            headers = {"Origin": "https://lab.example"}
            status, answer, _ = daemon.request("/sextant.v1.StudyService/ListStudies", b"{}", {**JSON, **headers})
            self.assertEqual((status, answer["Access-Control-Allow-Origin"]), (200, "https://lab.example"))
            status, answer, _ = daemon.request("/sextant.v1.StudyService/ListStudies", method="OPTIONS", headers=headers)
            self.assertEqual((status, answer["Access-Control-Allow-Methods"]), (204, "POST"))
            self.assertEqual(daemon.request("/x", method="OPTIONS", headers={"Origin": "https://other.example"})[0], 403)
        finally:
            daemon.close()

    def test_addresses_that_others_reach_are_refused(self):
        done = subprocess.run([BIN / "sextantd", "--listen", "127.0.0.1:0", "--http", "0.0.0.0:0", "--db", "/nonexistent/x.db"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertNotEqual(done.returncode, 0)
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([BIN / "sextantd", "--listen", "127.0.0.1:0", "--http", "0.0.0.0:0", "--db",
                                   pathlib.Path(folder) / "x.db"], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("--insecure-non-loopback", done.stderr)

    def test_tls_is_that_of_grpc(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            certificate, key = make_certificate(folder)
            daemon = Daemon("--tls-cert", certificate, "--tls-key", key)
            try:
                path = "/sextant.v1.StudyService/ListStudies"
                trusting = ssl.create_default_context(cafile=str(certificate))
                self.assertEqual(daemon.request(path, b"{}", tls=trusting)[0], 200)
                # Longer than one record in both directions.
                big = json.dumps({"laws": ["step-law-lr"] * 2, "params": 1e9, "tokens": 1e11, "at": {}}).encode() + b" " * (1 << 20)
                self.assertEqual(daemon.request("/sextant.v1.PredictionService/Predict", big, tls=trusting)[0], 200)
                self.assertGreater(len(daemon.request("/sextant.v1.LawService/ListLaws", b'{"pageSize": 1000}', tls=trusting)[2]), 1 << 16)
                with self.assertRaises(ssl.SSLError):
                    daemon.request(path, b"{}", tls=ssl.create_default_context())
                old = ssl.create_default_context(cafile=str(certificate))
                old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
                with self.assertRaises((ssl.SSLError, OSError)):
                    daemon.request(path, b"{}", tls=old)
                # In the clear nothing is answered, and nobody else is held up by one who says nothing.
                with socket.create_connection(("127.0.0.1", daemon.port), timeout=60) as silent:
                    with self.assertRaises((http.client.HTTPException, OSError)):
                        daemon.request(path, b"{}")
                    self.assertEqual(daemon.request(path, b"{}", tls=trusting)[0], 200)
                    silent.settimeout(30)
                    self.assertEqual(silent.recv(1), b"", "a connection without a handshake is closed")
                # A page of the server itself may call it.
                own = f"localhost:{daemon.port}"
                self.assertEqual(daemon.request(path, b"{}", {**JSON, "Origin": "https://" + own}, tls=trusting)[0], 200)
                self.assertEqual(daemon.request(path, b"{}", {**JSON, "Origin": "http://" + own}, tls=trusting)[0], 403)
                if shutil.which("curl"):
                    done = subprocess.run(["curl", "-sS", "--noproxy", "*", "--cacert", certificate, "-H", "Content-Type: application/json",
                                           "-d", "{}", f"https://localhost:{daemon.port}{path}"], capture_output=True, text=True, timeout=60,
                                          check=True)
                    self.assertIn("studies", json.loads(done.stdout))
                # Renewed files are taken up.
                make_certificate(folder)
                renewed = ssl.create_default_context(cafile=str(certificate))
                deadline = time.monotonic() + 40
                while True:
                    try:
                        self.assertEqual(daemon.request(path, b"{}", tls=renewed)[0], 200)
                        break
                    except ssl.SSLError:
                        self.assertLess(time.monotonic(), deadline, "the old certificate is still shown")
                        time.sleep(0.5)
            finally:
                daemon.close()

    def test_client_certificates_are_asked_for(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            certificate, key = make_certificate(folder)
            mine, my_key = make_certificate(folder, "client")
            daemon = Daemon("--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", mine)
            try:
                path = "/sextant.v1.StudyService/ListStudies"
                without = ssl.create_default_context(cafile=str(certificate))
                with self.assertRaises((ssl.SSLError, OSError, http.client.HTTPException)):
                    daemon.request(path, b"{}", tls=without)
                having = ssl.create_default_context(cafile=str(certificate))
                having.load_cert_chain(mine, my_key)
                self.assertEqual(daemon.request(path, b"{}", tls=having)[0], 200)
            finally:
                daemon.close()

    def test_a_stop_ends_watches(self):
        daemon = Daemon()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
            connection.request("POST", "/sextant.v1.StudyService/ListStudies", b"{}", JSON)
            self.assertEqual(connection.getresponse().status, 200)  # stays open
            daemon.process.send_signal(signal.SIGTERM)
            self.assertEqual(daemon.process.wait(timeout=30), 0)
            connection.close()
        finally:
            daemon.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
