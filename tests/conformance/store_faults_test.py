#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the disk does to a running server, as its clients see it: code and reason of each error, nothing acknowledged
lost, and work that goes on when the disk is well again. A limit on file sizes, which can be changed while the server
runs, stands for a disk that fills and is freed."""
import hashlib
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import grpc
import service_process
from service_process import ROOT, Sextantd, binaries

STUBS = tempfile.TemporaryDirectory(prefix="sextant-stubs-")
service_process.make_stubs(pathlib.Path(STUBS.name))
service_process.make_error_details(pathlib.Path(STUBS.name))
study_pb, study_grpc = service_process.message_module("study")
run_pb, run_grpc = service_process.message_module("run")
fit_pb, fit_grpc = service_process.message_module("fit")
system_pb, system_grpc = service_process.message_module("system")

TIMEOUT = 60
LIMIT = 800_000
CHUNK = 200


def some_runs(prefix, count):
    """Runs with short curves of no use to a compressor."""
    runs = []
    for i in range(count):
        run = run_pb.Run(run_id=f"{prefix}-{i}", params_non_embedding=1e8, tokens=2e9 + i, learning_rate=1e-3, loss_nats=3)
        run.curve.step.extend(range(1, 41))
        run.curve.train_loss.extend(3 + (i * 7919 + j * 104729) % 10007 / 10007 for j in range(40))
        runs.append(run)
    return runs


class StoreFaultsTest(unittest.TestCase):
    def setUp(self):
        self.server = Sextantd(str(binaries() / "sextantd"))
        self.addCleanup(self.server.__exit__)
        self.reach(self.server)
        self.studies.CreateStudy(study_pb.CreateStudyRequest(study_id="s"), timeout=TIMEOUT)

    def reach(self, server):
        self.studies = study_grpc.StudyServiceStub(server.channel)
        self.runs = run_grpc.RunServiceStub(server.channel)
        self.fits = fit_grpc.FitServiceStub(server.channel)
        self.system = system_grpc.SystemServiceStub(server.channel)

    def limit_files(self, size):
        hard = resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE, (size, hard))

    def expect(self, code, reason, call):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        self.assertEqual(service_process.reason(caught.exception), reason)
        return caught.exception.details()

    def upload(self, upload_id, runs):
        """Goes on where the upload stands. Returns the number of chunks acknowledged and the error, if any."""
        acknowledged = self.position(upload_id)

        def messages():
            yield run_pb.UploadRunsRequest(header=run_pb.UploadHeader(parent="studies/s", upload_id=upload_id))
            for index in range(acknowledged, len(runs) // CHUNK):
                yield run_pb.UploadRunsRequest(chunk=run_pb.UploadChunk(
                    index=index, last=(index + 1) * CHUNK == len(runs),
                    batch=run_pb.RunBatch(runs=runs[index * CHUNK:(index + 1) * CHUNK])))
        try:
            for answer in self.runs.UploadRuns(messages(), timeout=TIMEOUT):
                acknowledged = answer.next_chunk
        except grpc.RpcError as error:
            return acknowledged, error
        return acknowledged, None

    def position(self, upload_id):
        try:
            name = f"studies/s/uploads/{upload_id}"
            return self.runs.GetUpload(run_pb.GetUploadRequest(name=name), timeout=TIMEOUT).next_chunk
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND)
            return 0

    def stored(self):
        ids, token = [], ""
        while True:
            page = self.runs.ListRuns(run_pb.ListRunsRequest(parent="studies/s", page_size=1000, page_token=token),
                                      timeout=TIMEOUT)
            ids += [run.run_id for run in page.runs]
            token = page.next_page_token
            if not token:
                return ids

    def integrity(self):
        return self.system.GetServerInfo(system_pb.GetServerInfoRequest(check_integrity=True), timeout=TIMEOUT).integrity

    def back_up(self):
        return b"".join(piece.data for piece in self.system.BackUp(system_pb.BackUpRequest(), timeout=TIMEOUT))

    def test_uploads_that_fill_the_disk_keep_what_was_acknowledged_and_go_on_when_it_is_freed(self):
        clients = {f"client{k}": some_runs(f"client{k}", 2000) for k in range(4)}
        self.limit_files(LIMIT)
        ends = {}
        threads = [threading.Thread(target=lambda name=name: ends.update({name: self.upload(name, clients[name])}))
                   for name in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT)
        acknowledged = set()
        for name, (chunks, error) in ends.items():
            self.assertIsNotNone(error, "the disk did not fill")
            self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED, error.details())
            self.assertEqual(service_process.reason(error), "STORE_FULL")
            self.assertIn(str(self.server.database), error.details())
            self.assertEqual(self.position(name), chunks, "an upload stands where it was acknowledged")
            acknowledged |= {run.run_id for run in clients[name][:chunks * CHUNK]}
        self.assertEqual(set(self.stored()), acknowledged)
        self.assertEqual(self.integrity(), "ok")
        self.limit_files(1)  # small writes may still have found room
        self.expect(grpc.StatusCode.RESOURCE_EXHAUSTED, "STORE_FULL",
                    lambda: self.studies.CreateStudy(study_pb.CreateStudyRequest(study_id="t"), timeout=TIMEOUT))
        self.limit_files(resource.RLIM_INFINITY)
        for name, runs in clients.items():
            chunks, error = self.upload(name, runs)
            self.assertIsNone(error)
            self.assertEqual(chunks, len(runs) // CHUNK)
        stored = self.stored()
        self.assertEqual((len(stored), len(set(stored))), (8000, 8000))
        self.assertEqual(self.integrity(), "ok")

    def test_a_fit_whose_end_finds_no_room_has_failed_and_not_run_on(self):
        runs = [run_pb.Run(run_id=f"r{n}-{k}", params_non_embedding=n * 1e6, tokens=1e8, learning_rate=1e-3 * 2**k,
                           batch_size_tokens=4096, loss_nats=3 + 0.1 * (k - 2 - 0.3 * n)**2)
                for n in (1, 2, 4, 8) for k in range(-2, 8)]
        runs += [run_pb.Run(run_id=f"x{i}", params_non_embedding=1e6, tokens=1e8 + i) for i in range(160)]
        self.assertEqual(self.upload("u", runs)[1], None)
        fit = self.fits.CreateFit(fit_pb.CreateFitRequest(parent="studies/s", law="lr-power-n", estimator="band",
                                                          bootstrap_replicates=20000), timeout=TIMEOUT)
        self.limit_files(1)
        ended = list(self.fits.WatchFit(fit_pb.WatchFitRequest(name=fit.name), timeout=TIMEOUT))[-1]
        if ended.state == fit_pb.FIT_SUCCEEDED:
            self.skipTest("the fit ended before the disk was full")
        self.assertEqual((ended.state, ended.error.reason), (fit_pb.FIT_FAILED, "STORE_FULL"))
        for _ in range(2):
            got = self.fits.GetFit(fit_pb.GetFitRequest(name=fit.name), timeout=TIMEOUT)
            listed = self.fits.ListFits(fit_pb.ListFitsRequest(parent="studies/s"), timeout=TIMEOUT).fits[0]
            for seen in (got, listed):
                self.assertEqual((seen.state, seen.error.reason), (fit_pb.FIT_FAILED, "STORE_FULL"))
            self.limit_files(resource.RLIM_INFINITY)

    def test_a_database_that_is_taken_away_takes_no_more_writes_and_can_be_saved(self):
        self.assertEqual(self.upload("u", some_runs("a", 400)), (2, None))
        os.rename(self.server.database, self.server.path / "elsewhere.db")
        chunks, error = self.upload("v", some_runs("b", 200))
        self.assertEqual(chunks, 0, "nothing is acknowledged that nobody would find again")
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(service_process.reason(error), "STORE_REPLACED")
        self.assertIn("backup", error.details())
        self.assertIn("removed or renamed", self.integrity())
        self.assertEqual(len(self.stored()), 400)
        saved = self.server.path / "saved.db"
        saved.write_bytes(self.back_up())
        os.rename(self.server.path / "elsewhere.db", self.server.database)
        self.assertEqual(self.upload("v", some_runs("b", 200)), (1, None))
        listing = subprocess.run([binaries() / "sextant", "--db", saved, "runs", "list", "--study", "s", "-o", "jsonl"],
                                 capture_output=True, text=True, timeout=TIMEOUT, check=True)
        self.assertEqual(listing.stdout.count("\n"), 400)

    def test_a_copy_goes_beside_the_database_and_leaves_nothing(self):
        self.assertEqual(self.upload("u", some_runs("a", 400))[1], None)
        before = set(os.listdir(self.server.path))
        self.assertTrue(self.back_up().startswith(b"SQLite format 3"))
        self.limit_files(LIMIT // 10)
        details = self.expect(grpc.StatusCode.RESOURCE_EXHAUSTED, "STORE_FULL", self.back_up)
        self.assertIn(str(self.server.database) + ".scratch-", details)
        self.limit_files(resource.RLIM_INFINITY)
        deadline = time.monotonic() + TIMEOUT
        while set(os.listdir(self.server.path)) != before:  # it tidies up when the client has its answer
            self.assertLess(time.monotonic(), deadline, os.listdir(self.server.path))
            time.sleep(0.02)

    def test_the_file_of_a_study_is_refused_when_it_is_cut_or_damaged(self):
        self.assertEqual(self.upload("u", some_runs("a", 400))[1], None)
        pieces = self.studies.ExportStudy(study_pb.ExportStudyRequest(name="studies/s"), timeout=TIMEOUT)
        whole = b"".join(piece.data for piece in pieces)
        page = 16384

        def send(data):
            requests = (study_pb.ImportStudyRequest(study_id="t", data=data[at:at + 100_000])
                        for at in range(0, max(len(data), 1), 100_000))
            return self.studies.ImportStudy(requests, timeout=TIMEOUT)
        for wrong in (b"", whole[:50], whole[:-1], whole[:len(whole) // 2], whole[:5 * page] + os.urandom(page) + whole[6 * page:],
                      b"\0" * page + whole[page:]):
            details = self.expect(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", lambda wrong=wrong: send(wrong))
            self.assertNotIn("scratch", details, "the server's own copy is nobody's business")
        self.expect(grpc.StatusCode.NOT_FOUND, "STUDY_NOT_FOUND",
                    lambda: self.studies.GetStudy(study_pb.GetStudyRequest(name="studies/t"), timeout=TIMEOUT))
        self.assertEqual(send(whole).run_count, 400)

    def test_a_chunk_that_is_cut_or_has_a_wrong_digest_stops_the_upload_where_it_stands(self):
        batch = run_pb.RunBatch(runs=some_runs("a", 5)).SerializeToString()
        digest = hashlib.sha256(batch).digest()
        wrong = {"another's digest": (batch, hashlib.sha256(b"").digest()), "no digest": (batch, b""),
                 "its digest in hex": (batch, digest.hex().encode()), "cut bytes": (batch[:-7], digest)}
        for number, (what, (content, sha256)) in enumerate(wrong.items()):
            def send(content=content, sha256=sha256, number=number):
                chunk = run_pb.UploadChunk
                return list(self.runs.UploadRuns(iter([
                    run_pb.UploadRunsRequest(header=run_pb.UploadHeader(parent="studies/s", upload_id=f"d{number}")),
                    run_pb.UploadRunsRequest(chunk=chunk(index=0, batch=run_pb.RunBatch(runs=some_runs(f"b{number}", 3)))),
                    run_pb.UploadRunsRequest(chunk=chunk(index=1, last=True, encoded_batch=content, sha256=sha256)),
                ]), timeout=TIMEOUT))
            with self.subTest(what):
                details = self.expect(grpc.StatusCode.INVALID_ARGUMENT, "WRONG_DIGEST", send)
                self.assertIn("send the chunk again", details)
                self.assertEqual(self.position(f"d{number}"), 1, "the chunk before it is kept")
        self.assertEqual(len(self.stored()), 3 * len(wrong))

    def test_a_killed_server_that_lost_its_log_says_so(self):
        self.assertEqual(self.upload("u", some_runs("a", 400)), (2, None))
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()
        log = pathlib.Path(str(self.server.database) + "-wal")
        content = log.read_bytes()
        log.unlink()
        command = [binaries() / "sextantd", "--listen", "127.0.0.1:0", "--db", self.server.database]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("write-ahead log", refused.stderr)
        log.write_bytes(content)
        listing = subprocess.run([binaries() / "sextant", "--db", self.server.database, "studies", "list", "-o", "csv"],
                                 capture_output=True, text=True, timeout=TIMEOUT, check=True)
        self.assertRegex(listing.stdout, r"(?m)^studies/s,.*,400,")


if __name__ == "__main__":
    unittest.main()
