#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What must not be readable by others: tokens on the way, files on the disk, and text that drives a terminal."""
import os
import pathlib
import signal
import stat
import subprocess
import time
import unicodedata

import grpc

import attack_case
import sweep
import victim
from victim import service_process

TOKENS = ("first-token-0123456789", "second-token-0123456789")
HOSTILE_TEXT = "=cmd|' /C calc'!A0 \u009b31m\x1b]0;title\x07 \u202egnp.exe \u2066x \r\nnext \u200f\ufeffend"


def hidden_characters(text: str) -> list:
    """Controls but for line ends and tabs, and marks of direction or format."""
    return [hex(ord(c)) for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf")]


class SecretsTest(attack_case.AttackCase):
    def cli(self, *arguments, code=0, **environment):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SEXTANT_")}
        done = subprocess.run([str(service_process.binaries() / "sextant"), *map(str, arguments)], timeout=60, text=True,
                              capture_output=True, env={**kept, "HOME": str(self.folder), **environment}, check=False)
        if code is not None:
            self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def with_tls(self, *flags):
        self.certificate, self.key = victim.make_certificate(self.folder)
        return self.start(["--tls-cert", self.certificate, "--tls-key", self.key, *flags])

    def token_file(self, token: str) -> pathlib.Path:
        path = self.folder / "tokens"
        path.write_text(token + "\n", encoding="utf-8")
        path.chmod(0o600)
        return path

    def test_the_command_line_speaks_tls(self):
        path = self.folder / "socket"
        server = self.with_tls("--listen", f"unix:{path}")
        for name in (f"https://localhost:{server.port()}", f"grpcs://localhost:{server.port()}",
                     f"localhost:{server.port()}"):
            self.cli("--server", name, "--tls-ca", self.certificate, "studies", "list")
        self.cli("--server", f"https://localhost:{server.port()}", "studies", "list", SEXTANT_TLS_CA=self.certificate)
        self.cli("--server", f"https://localhost:{server.port()}", "studies", "list", code=64 + 14)  # who signed it?
        self.cli("--server", f"http://localhost:{server.port()}", "--timeout", "5", "studies", "list", code=None)
        self.cli("--server", f"unix:{path}", "studies", "list")

    def test_client_certificates(self):
        certificate, key = victim.make_certificate(self.folder)
        server = self.start(["--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", certificate])
        name = f"https://localhost:{server.port()}"
        self.cli("--server", name, "--tls-ca", certificate, "--timeout", "5", "studies", "list", code=64 + 14)
        self.cli("--server", name, "--tls-ca", certificate, "--tls-cert", certificate, "--tls-key", key, "studies", "list")

    def test_tokens_go_in_clear_to_no_other_machine(self):
        for name in ("192.0.2.1:7433", "http://192.0.2.1:7433", "127.0.0.1.example.net:7433", "localhost.example.net:7433"):
            done = self.cli("--server", name, "--timeout", "2", "studies", "list", code=2, SEXTANT_TOKEN=TOKENS[0])
            self.assertIn("in clear", done.stderr)
        server = self.start(["--token-file", str(self.token_file(TOKENS[0]))])
        self.cli("--server", server.address, "studies", "list", SEXTANT_TOKEN=TOKENS[0])

    def test_sighup_reads_tokens_again(self):
        tokens = self.token_file(TOKENS[0])
        server = self.start(["--token-file", str(tokens)])
        tokens.write_text(TOKENS[1] + "\n", encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while "read again" not in server.log_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.cli("--server", server.address, "studies", "list", SEXTANT_TOKEN=TOKENS[1])
        self.cli("--server", server.address, "studies", "list", code=64 + 16, SEXTANT_TOKEN=TOKENS[0])
        tokens.write_text("", encoding="utf-8")  # a mistake changes nothing
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        self.cli("--server", server.address, "studies", "list", SEXTANT_TOKEN=TOKENS[1])
        self.assertEqual(server.stop(), 0)

    def test_certificates_that_no_client_would_take_are_refused(self):
        certificate, _ = victim.make_certificate(self.folder)
        other = self.folder / "other"
        other.mkdir()
        _, other_key = victim.make_certificate(other)
        ended = self.ended_certificate(other_key)
        for pem, key, what in ((certificate, other_key, "is not the key"), (ended, other_key, "ended")):
            done = subprocess.run([str(service_process.binaries() / "sextantd"), "--listen", "127.0.0.1:0", "--db",
                                   str(self.folder / "a.db"), "--tls-cert", str(pem), "--tls-key", str(key)],
                                  timeout=30, text=True, capture_output=True, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(what, done.stderr)

    def ended_certificate(self, key: str) -> pathlib.Path:
        """A self-signed certificate of the year 2020."""
        folder = self.folder / "authority"
        folder.mkdir()
        (folder / "index").touch()
        (folder / "serial").write_text("01\n", encoding="utf-8")
        (folder / "config").write_text(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {folder}/index\nserial = {folder}/serial\n"
                                       f"new_certs_dir = {folder}\ndefault_md = sha256\npolicy = any\n"
                                       "[any]\ncommonName = supplied\n[req]\ndistinguished_name = name\n[name]\n", encoding="utf-8")
        for command in (["req", "-new", "-key", key, "-subj", "/CN=localhost", "-out", str(folder / "request")],
                        ["ca", "-selfsign", "-batch", "-notext", "-keyfile", key, "-in", str(folder / "request"), "-out",
                         str(folder / "ended.pem"), "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"]):
            subprocess.run(["openssl", command[0], "-config", str(folder / "config"), *command[1:]], check=True,
                           capture_output=True)
        return folder / "ended.pem"

    def test_files_are_their_owners(self):
        server = self.start()
        client = sweep.Client(server.channel)
        client.create_study("s")
        self.cli("--server", server.address, "backup", self.folder / "copy.db")
        files = [path for path in server.path.glob("test.db*") if path.is_file()] + [self.folder / "copy.db"]
        self.assertGreaterEqual(len(files), 3)
        for path in files:
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)

    def test_a_database_makes_no_folders(self):
        nowhere = self.folder / "no" / "such" / "a.db"
        self.cli("--db", nowhere, "studies", "list", code=1)
        done = subprocess.run([str(service_process.binaries() / "sextantd"), "--listen", "127.0.0.1:0", "--db", str(nowhere)],
                              timeout=30, text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertFalse(nowhere.parent.parent.exists())

    def test_text_of_strangers_drives_no_terminal(self):
        server = self.start(["--log-requests"])
        client = sweep.Client(server.channel)
        study = client.study_pb.Study(title="title " + HOSTILE_TEXT, description=HOSTILE_TEXT,
                                      loss_unit=client.study_pb.LossUnit.Value("NATS_PER_TOKEN"))
        try:
            client.studies.CreateStudy(client.study_pb.CreateStudyRequest(study_id="s", study=study), timeout=20)
        except grpc.RpcError:  # refused: also right
            client.create_study("s")
        runs = client.sweep_runs()[:3]
        for run in runs:
            run.optimizer = HOSTILE_TEXT
            run.tags["note"] = HOSTILE_TEXT
            run.source = HOSTILE_TEXT
        client.upload("studies/s", runs)
        for output in ("table", "json", "jsonl", "csv", "tsv", "markdown"):
            for command in (("studies", "show", "s"), ("studies", "list"), ("runs", "list", "--study", "s"),
                            ("runs", "list", "--study", "s", "--filter", HOSTILE_TEXT)):
                done = self.cli("--server", server.address, "-o", output, *command, code=None)
                self.assertEqual(hidden_characters(done.stdout + done.stderr), [], (output, command))
                if output in ("csv", "tsv"):
                    self.assertNotIn(",=", done.stdout)
                    self.assertNotIn("\t=", done.stdout)
        for method in (lambda: client.studies.GetStudy(client.study_pb.GetStudyRequest(name="studies/" + HOSTILE_TEXT)),):
            with self.assertRaises(grpc.RpcError):
                method()
        self.assertEqual(hidden_characters(server.log_text()), [])

    def test_a_request_that_is_no_message_is_called_so(self):
        server = self.start()
        call = server.channel.unary_unary("/sextant.v1.PredictionService/Predict", request_serializer=bytes,
                                          response_deserializer=bytes)
        with self.assertRaises(grpc.RpcError) as refused:
            call(b"\xff\xff\xff\xff\x0f", timeout=20)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("cannot be read", refused.exception.details())


if __name__ == "__main__":
    attack_case.main()
