#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files of studies that were not made by an export, and studies that are deleted and made again under live work."""
import pathlib
import shutil
import sqlite3
import subprocess
import threading
import time
import unittest

import grpc

import attack_case
import sweep
from victim import service_process

# An exported study whose fit says that it has no parameters. Absent from a user's machine.
WITHOUT_PARAMETERS = service_process.ROOT.parent / "shared" / "data" / "hostile" / "fit_without_parameters.db"
IMPORT_S = 20


class FilesTest(attack_case.AttackCase):
    def setUp(self):
        super().setUp()
        self.server = self.start()
        self.client = sweep.Client(self.server.channel)

    def import_file(self, path, study_id=""):
        pb = self.client.study_pb

        def pieces():
            data = pathlib.Path(path).read_bytes()
            for at in range(0, len(data), 1 << 20):
                yield pb.ImportStudyRequest(study_id=study_id if at == 0 else "", data=data[at:at + (1 << 20)])
        return self.client.studies.ImportStudy(pieces(), timeout=IMPORT_S)

    def refused(self, path, words: str = ""):
        with self.assertRaises(grpc.RpcError) as refusal:
            self.import_file(path, "imported")
        self.assertEqual(refusal.exception.code(), grpc.StatusCode.INVALID_ARGUMENT, refusal.exception.details())
        self.assertIn(words, refusal.exception.details())
        listed = self.client.studies.ListStudies(self.client.study_pb.ListStudiesRequest(), timeout=20).studies
        self.assertNotIn("studies/imported", [study.name for study in listed])

    def exported(self) -> pathlib.Path:
        """A study with runs, curves and a fit, as ExportStudy gives it."""
        self.client.create_study("sweep")
        runs = self.client.sweep_runs()
        runs[0].curve.step.extend([1, 2, 3])
        runs[0].curve.train_loss.extend([5, 4, 3])
        self.client.upload(sweep.STUDY, runs)
        self.client.fit(parent=sweep.STUDY, law="lr-power-nd", estimator="quadratic", bootstrap_replicates=50)
        path = self.folder / "study.db"
        pieces = self.client.studies.ExportStudy(self.client.study_pb.ExportStudyRequest(name=sweep.STUDY), timeout=20)
        path.write_bytes(b"".join(piece.data for piece in pieces))
        return path

    def changed(self, original: pathlib.Path, *statements) -> pathlib.Path:
        path = self.folder / f"changed-{time.monotonic_ns()}.db"
        shutil.copy(original, path)
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            for statement in statements:
                connection.execute(statement)
        connection.close()
        return path

    def test_what_was_exported_is_imported(self):
        path = self.exported()
        study = self.import_file(path, "imported")
        self.assertEqual(study.run_count, 63)

    @unittest.skipUnless(WITHOUT_PARAMETERS.exists(), f"{WITHOUT_PARAMETERS} is missing")
    def test_a_fit_without_parameters(self):
        self.refused(WITHOUT_PARAMETERS)
        self.client.system.Ping(self.client.system_pb.PingRequest(), timeout=20)

    @unittest.skipUnless(WITHOUT_PARAMETERS.exists(), f"{WITHOUT_PARAMETERS} is missing")
    def test_a_stored_fit_without_parameters_keeps_no_database_shut(self):
        # As if an earlier version had taken it in: the file is a database of its own.
        path = self.folder / "bricked.db"
        shutil.copy(WITHOUT_PARAMETERS, path)
        listed = subprocess.run([str(service_process.binaries() / "sextant"), "--db", str(path), "runs", "list", "--study",
                                 self.study_of(path), "--limit", "1"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        doctor = subprocess.run([str(service_process.binaries() / "sextant"), "--db", str(path), "doctor"],
                                capture_output=True, text=True, timeout=60, check=False)
        self.assertIn("set aside", doctor.stdout + doctor.stderr)

    @staticmethod
    def study_of(path) -> str:
        with sqlite3.connect(path) as connection:
            return connection.execute("SELECT id FROM studies").fetchone()[0]

    def test_views_in_place_of_tables(self):
        original = self.exported()
        endless = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                   "SELECT max(i) AS name, max(i) AS value FROM n")
        view = self.changed(original, "DROP TABLE counters", f"CREATE VIEW counters AS {endless}")
        with self.watch(self.server) as watch:
            self.refused(view, "tables")
            trigger = self.changed(original, "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END")
            self.refused(trigger, "tables")
            self.refused(self.changed(original, "CREATE TABLE more (x)"), "tables")
            self.refused(self.changed(original, "CREATE INDEX more ON runs (tokens)"), "tables")
            self.assert_survived(watch, "files with other tables")

    def test_an_older_export_is_checked_before_it_is_migrated(self):
        old = service_process.ROOT / "tests" / "fixtures" / "v0.1" / "study.sqlite"
        with self.watch(self.server) as watch:
            for change in ("CREATE VIEW more AS SELECT 1", "CREATE TABLE more (x)",
                           "CREATE TRIGGER t AFTER UPDATE ON runs BEGIN DELETE FROM runs; END",
                           "CREATE INDEX more ON runs (length(id))"):
                self.refused(self.changed(old, change), "tables")
            self.assert_survived(watch, "older files with other tables")
        self.assertEqual(self.import_file(old, "imported").run_count, 216)

    def test_a_removed_lock_file_lets_nobody_in(self):
        database = self.server.database
        database.with_name(database.name + ".lock").unlink()
        second = subprocess.run([str(service_process.binaries() / "sextantd"), "--listen", "127.0.0.1:0", "--db",
                                 str(database)], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(second.returncode, 1, second.stdout)
        self.assertIn("in use", second.stderr)
        self.client.create_study("still-served")

    def test_fields_that_no_upload_could_bring(self):
        original = self.exported()
        for statement, words in (
                ("UPDATE runs SET tokens = -1 WHERE id = 'r1'", "tokens"),
                ("UPDATE runs SET id = '../../x' WHERE id = 'r1'", "run_id"),
                ("UPDATE runs SET optimizer = char(27) || '[31m' WHERE id = 'r1'", "optimizer"),
                ("UPDATE runs SET curve_points = 9223372036854775807 WHERE id = 'r0'", ""),
                ("UPDATE runs SET curve_points = 2 WHERE id = 'r0'", ""),
                ("UPDATE runs SET state = 99 WHERE id = 'r1'", ""),
                ("UPDATE studies SET title = char(27)", "title"),
                ("UPDATE studies SET param_count = 77", ""),
                ("UPDATE fits SET id = '../x'", "fit"),
                ("UPDATE fits SET state = 77", "fit")):
            with self.subTest(statement):
                self.refused(self.changed(original, statement), words)
        self.client.upload(sweep.STUDY, self.client.sweep_runs())

    def test_bytes_that_are_changed_anywhere(self):
        data = self.exported().read_bytes()
        outcomes = {"refused": 0, "taken": 0}
        for round_ in range(60):
            broken = bytearray(data)
            for change in range(8):
                at = (round_ * 7919 + change * 104729) * 31 % len(broken)
                broken[at] ^= 1 << (round_ + change) % 8
            path = self.folder / "broken.db"
            path.write_bytes(broken[:len(broken) - (round_ % 3) * 100])
            try:
                self.import_file(path, f"b{round_}")
                outcomes["taken"] += 1
            except grpc.RpcError as error:
                self.assertIn(error.code(), (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.DATA_LOSS), error.details())
                outcomes["refused"] += 1
        print(f"files with changed bytes: {outcomes}")
        self.assertIsNone(self.server.process.poll(), self.server.log_text())

    def test_a_study_made_again_gets_nothing_of_the_one_before(self):
        client = self.client
        strange = 0
        for _ in range(10):
            client.create_study("sweep")
            client.upload(sweep.STUDY, client.sweep_runs())
            fit = client.fits.CreateFit(client.fit_pb.CreateFitRequest(
                parent=sweep.STUDY, law="lr-power-nd", estimator="surface", bootstrap_replicates=2000), timeout=20)
            opened, answers = threading.Event(), []

            def upload():
                def messages():
                    yield client.header(sweep.STUDY, "live")
                    opened.wait(20)
                    yield client.run_pb.UploadRunsRequest(chunk=client.run_pb.UploadChunk(
                        index=0, last=True, batch=client.run_pb.RunBatch(runs=client.sweep_runs()[:1])))
                try:
                    answers.extend(client.runs.UploadRuns(messages(), timeout=20))
                except grpc.RpcError as error:
                    answers.append(error.code())
            thread = threading.Thread(target=upload)
            thread.start()
            time.sleep(0.05)
            client.studies.DeleteStudy(client.study_pb.DeleteStudyRequest(name=sweep.STUDY), timeout=20)
            client.create_study("sweep")
            opened.set()
            thread.join()
            time.sleep(0.2)
            fits = client.fits.ListFits(client.fit_pb.ListFitsRequest(parent=sweep.STUDY), timeout=20).fits
            study = client.studies.GetStudy(client.study_pb.GetStudyRequest(name=sweep.STUDY), timeout=20)
            strange += len(fits) + study.run_count
            self.assertEqual(answers[-1], grpc.StatusCode.NOT_FOUND)
            with self.assertRaises(grpc.RpcError):
                client.predictions.Predict(client.prediction_pb.PredictRequest(params=1e8, tokens=1e9, fits=[fit.name]),
                                           timeout=20)
            client.studies.DeleteStudy(client.study_pb.DeleteStudyRequest(name=sweep.STUDY), timeout=20)
        self.assertEqual(strange, 0)


if __name__ == "__main__":
    attack_case.main()
