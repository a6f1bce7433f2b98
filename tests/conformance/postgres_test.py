#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sextantd over PostgreSQL: what survives restarts of either, what moves to a file and back, what is refused."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import grpc
import postgres_cluster
import service_process
from service_process import Sextantd, binaries

if postgres_cluster.binaries() is None:
    print(postgres_cluster.NOT_INSTALLED)
    sys.exit(service_process.SKIPPED)

STUBS = tempfile.TemporaryDirectory(prefix="sextant-stubs-")
service_process.make_stubs(pathlib.Path(STUBS.name))
study_pb, study_grpc = service_process.message_module("study")
run_pb, run_grpc = service_process.message_module("run")
system_pb, system_grpc = service_process.message_module("system")

TIMEOUT = 120
CURVE_POINTS = 1500


def runs_of(first, count):
    """Runs of a law that a fit finds, each with a curve of two chunks."""
    runs = []
    for index in range(first, first + count):
        params, tokens = 1e7 * 2 ** (index % 5), 1e9 * 2 ** (index % 4)
        loss = 1.7 + 400 / params ** 0.34 + 410 / tokens ** 0.28
        curve = run_pb.Curve(step=range(CURVE_POINTS), train_loss=[loss + 5 / (1 + step) for step in range(CURVE_POINTS)])
        runs.append(run_pb.Run(run_id=f"r{index:05}", params_non_embedding=params, tokens=tokens, learning_rate=1e-3,
                               batch_size_tokens=65536, loss_nats=loss, curve=curve))
    return runs


def upload(channel, study, upload_id, runs, begin=0, chunk=50):
    """Sends the chunks from `begin` on; yields the answers."""
    def messages():
        yield run_pb.UploadRunsRequest(header=run_pb.UploadHeader(parent=f"studies/{study}", upload_id=upload_id))
        for index, at in enumerate(range(0, len(runs), chunk)):
            if index >= begin:
                yield run_pb.UploadRunsRequest(chunk=run_pb.UploadChunk(
                    index=index, last=at + chunk >= len(runs), batch=run_pb.RunBatch(runs=runs[at:at + chunk])))
    yield from run_grpc.RunServiceStub(channel).UploadRuns(messages(), timeout=TIMEOUT)


class PostgresTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sextant-postgres-")
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.cluster = postgres_cluster.PostgresCluster(durable=True)
        self.addCleanup(self.cluster.close)
        self.url = self.cluster.new_url()

    def start(self, *flags):
        server = Sextantd(str(binaries() / "sextantd"), flags, database=self.url)
        self.addCleanup(server.__exit__)
        return server

    def sextant(self, *words, where, check=True):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SEXTANT_")}
        done = subprocess.run([binaries() / "sextant", *where, *words], capture_output=True, text=True, timeout=TIMEOUT,
                              check=False, env={**kept, "HOME": str(self.path)})
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def make_study(self, server, study="s"):
        study_grpc.StudyServiceStub(server.channel).CreateStudy(
            study_pb.CreateStudyRequest(study_id=study, study=study_pb.Study(title="Over PostgreSQL")), timeout=TIMEOUT)

    def integrity(self, server):
        return system_grpc.SystemServiceStub(server.channel).GetServerInfo(
            system_pb.GetServerInfoRequest(check_integrity=True), timeout=TIMEOUT).integrity

    def test_a_study_is_kept_fitted_and_moved(self):
        server = self.start()
        self.make_study(server)
        answer = list(upload(server.channel, "s", "u", runs_of(0, 240)))[-1]
        self.assertEqual((answer.accepted, answer.rejected), (240, 0))
        where = ["--server", server.address]
        self.sextant("fits", "create", "--study", "s", "--law", "loss-chinchilla", where=where)
        ask = [["-o", "json", "fits", "list", "--study", "s"],
               ["-o", "json", "predict", "--study", "s", "--params", "1e9", "--tokens", "2e10"]]
        before = [self.sextant(*words, where=where).stdout for words in ask]
        self.assertEqual(server.stop(), 0)

        server = self.start()
        where = ["--server", server.address]
        self.assertEqual([self.sextant(*words, where=where).stdout for words in ask], before)
        page = self.sextant("-o", "json", "runs", "list", "--study", "s", "--filter", "params_non_embedding = 8e7",
                            "--order-by", "loss_nats", where=where).stdout
        self.assertEqual(len(json.loads(page)), 48)
        self.assertEqual(self.integrity(server), "ok")
        # To a file of SQLite's, and back into PostgreSQL under another name.
        file = self.path / "s.db"
        self.sextant("studies", "export", "s", "--out", str(file), where=where)
        self.sextant("studies", "import", str(file), "--id", "copy", where=where)
        listed = [self.sextant("-o", "csv", "runs", "list", "--study", study, "--limit", "1000", where=where).stdout
                  for study in ("s", "copy")]
        self.assertEqual(listed[0].count("\n"), 241)
        self.assertEqual(listed[0].replace("studies/s/", ""), listed[1].replace("studies/copy/", ""))
        in_file = self.sextant("-o", "csv", "runs", "list", "--study", "s", "--limit", "1000", where=["--db", str(file)]).stdout
        self.assertEqual(in_file, listed[0])
        # The whole database into a file, and that into another schema.
        server.stop()
        whole, other = self.path / "whole.db", self.cluster.new_url()
        tables = [subprocess.run([binaries() / "sextantd", "migrate", source, target], check=True, capture_output=True,
                                 text=True, timeout=TIMEOUT).stdout for source, target in ((self.url, whole), (whole, other))]
        self.assertEqual(tables[0], tables[1])
        self.assertIn("480", next(line for line in tables[0].splitlines() if line.startswith("runs ")))
        in_whole = self.sextant("-o", "csv", "runs", "list", "--study", "s", "--limit", "1000", where=["--db", str(whole)]).stdout
        self.assertEqual(in_whole, listed[0])
        self.url = other
        where = ["--server", self.start().address]
        self.assertEqual([self.sextant(*words, where=where).stdout for words in ask], before)
        again = subprocess.run([binaries() / "sextantd", "migrate", str(whole), other], capture_output=True, text=True,
                               timeout=TIMEOUT, check=False)
        self.assertEqual(again.returncode, 1)
        self.assertIn("in use by another process", again.stderr)

    def test_acknowledged_runs_survive_crashes_of_both(self):
        server = self.start()
        self.make_study(server)
        runs = runs_of(0, 2000)
        acknowledged, accepted, stop = 0, 0, threading.Event()

        def crash():
            for _ in range(3):
                if stop.wait(0.7):
                    return
                self.cluster.stop(signal.SIGQUIT)
                self.cluster.start()
        crashing = threading.Thread(target=crash)
        crashing.start()
        deadline = time.monotonic() + TIMEOUT
        while acknowledged < 40:
            self.assertLess(time.monotonic(), deadline)
            try:
                for answer in upload(server.channel, "s", "u", runs, begin=acknowledged):
                    acknowledged = answer.next_chunk
                    accepted = answer.accepted
            except grpc.RpcError as error:
                self.assertIn(error.code(), (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.FAILED_PRECONDITION),
                              error.details())
                try:
                    acknowledged = run_grpc.RunServiceStub(server.channel).GetUpload(
                        run_pb.GetUploadRequest(name="studies/s/uploads/u"), timeout=TIMEOUT).next_chunk
                except grpc.RpcError as lost:
                    self.assertEqual(lost.code(), grpc.StatusCode.UNAVAILABLE, lost.details())
                time.sleep(0.1)
        stop.set()
        crashing.join()
        self.assertGreaterEqual(accepted, 0)
        # The server's process goes without a word, too.
        server.process.kill()
        server.process.wait()
        server = self.start()
        study = study_grpc.StudyServiceStub(server.channel).GetStudy(
            study_pb.GetStudyRequest(name="studies/s"), timeout=TIMEOUT)
        self.assertEqual(study.run_count, 2000)
        self.assertEqual(self.integrity(server), "ok")

    def test_what_is_not_possible_is_refused_with_what_is(self):
        server = self.start()
        second = subprocess.run([binaries() / "sextantd", "--listen", "127.0.0.1:0", "--db", self.url], capture_output=True,
                                text=True, timeout=TIMEOUT, check=False)
        self.assertNotEqual(second.returncode, 0)
        self.assertIn("in use by another process", second.stderr)
        embedded = self.sextant("studies", "list", where=["--db", self.url], check=False)
        self.assertNotEqual(embedded.returncode, 0)
        self.assertIn("--server", embedded.stderr)
        backup = self.sextant("backup", str(self.path / "b.db"), where=["--server", server.address], check=False)
        self.assertNotEqual(backup.returncode, 0)
        self.assertIn("pg_dump", backup.stderr)
        scheduled = subprocess.run([binaries() / "sextantd", "--listen", "127.0.0.1:0", "--db", self.url, "--backup-dir",
                                    self.path], capture_output=True, text=True, timeout=TIMEOUT, check=False)
        self.assertEqual(scheduled.returncode, 2)
        self.assertIn("--backup-dir", scheduled.stderr)
        secret = subprocess.run(
            [binaries() / "sextantd", "--listen", "127.0.0.1:0", "--db", "postgresql://anna:secret@127.0.0.1:1/runs"],
            capture_output=True, text=True, timeout=TIMEOUT, check=False)
        self.assertNotEqual(secret.returncode, 0)
        self.assertIn("anna@127.0.0.1:1/runs", secret.stderr)
        self.assertNotIn("secret", secret.stdout + secret.stderr)


if __name__ == "__main__":
    unittest.main()
