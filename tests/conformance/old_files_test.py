#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files that older versions wrote open, migrate and answer the same."""
import json
import math
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import service_process
from service_process import ROOT, Sextantd, binaries

STUBS = tempfile.TemporaryDirectory(prefix="sextant-stubs-")
service_process.make_stubs(pathlib.Path(STUBS.name))
run_pb, run_grpc = service_process.message_module("run")
study_pb, study_grpc = service_process.message_module("study")

FIXTURES = ROOT / "tests" / "fixtures"
# Predictions are computed again from stored numbers: equal to rounding.
RELATIVE = 1e-9


def sextant(database, *arguments):
    command = [str(binaries() / "sextant"), "--db", str(database), "--quiet", "-o", "json", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout or "null")


def differences(old, new, where=""):
    """What `old` says and `new` does not. Fields that only `new` has are fine; so are other words."""
    if isinstance(old, dict):
        for key, value in old.items():
            if key in ("warnings", "version", "create_time", "end_time", "update_time", "source", "etag", "parent"):
                continue
            if not isinstance(new, dict) or key not in new:
                yield f"{where}.{key} is missing"
            else:
                yield from differences(value, new[key], f"{where}.{key}")
    elif isinstance(old, list):
        if len(old) != len(new):
            yield f"{where} has {len(new)} entries, had {len(old)}"
        for index, (a, b) in enumerate(zip(old, new)):
            yield from differences(a, b, f"{where}[{index}]")
    elif isinstance(old, float) and isinstance(new, (int, float)):
        if not math.isclose(old, new, rel_tol=RELATIVE, abs_tol=1e-300):
            yield f"{where} is {new}, was {old}"
    elif old != new:
        yield f"{where} is {new!r}, was {old!r}"


class OldFiles(unittest.TestCase):
    maxDiff = None

    def check_answers(self, folder, database, study):
        """Every run, fit and prediction is what it was."""
        old_name = "studies/calibration/"
        renamed = lambda path: json.loads(path.read_text().replace(old_name, f"studies/{study}/"))
        self.assertEqual(list(differences(renamed(folder / "runs.json"),
                                          sextant(database, "runs", "list", "--study", study, "--limit", "1000"))), [])
        fits = renamed(folder / "fits.json")
        listed = sextant(database, "fits", "list", "--study", study)
        by_name = lambda fit: fit["name"]
        self.assertEqual(list(differences(sorted(fits, key=by_name), sorted(listed, key=by_name))), [])
        for fit in fits:
            name = fit["name"]
            shown = renamed(folder / f"fit-{name.split('/')[-1]}.json")
            self.assertEqual(list(differences(shown, sextant(database, "fits", "show", name))), [], name)
            predicted = renamed(folder / f"predict-{name.split('/')[-1]}.json")
            answer = sextant(database, "predict", "--params", "50M", "--tokens", "1B", "--batch-size-tokens", "131072",
                             "--fit", name)
            self.assertEqual(list(differences(predicted, answer)), [], name)

    def versions(self):
        folders = sorted(path for path in FIXTURES.glob("v*"))
        self.assertTrue(folders)
        return folders

    def test_a_database_opens_and_answers_as_before(self):
        for folder in self.versions():
            with self.subTest(folder.name), tempfile.TemporaryDirectory() as scratch:
                database = pathlib.Path(scratch) / "a.db"
                shutil.copy(folder / "database.db", database)
                self.check_answers(folder, database, "calibration")

    def test_an_export_is_imported_with_its_fits(self):
        for folder in self.versions():
            with self.subTest(folder.name), tempfile.TemporaryDirectory() as scratch:
                database = pathlib.Path(scratch) / "a.db"
                sextant(database, "studies", "import", str(folder / "study.sqlite"))
                self.check_answers(folder, database, "calibration")

    def test_json_lines_bring_every_run_back(self):
        for folder in self.versions():
            with self.subTest(folder.name), tempfile.TemporaryDirectory() as scratch:
                database = pathlib.Path(scratch) / "a.db"
                sextant(database, "studies", "create", "calibration", "--param-count", "non-embedding", "--loss-unit",
                        "nats-per-byte")
                sextant(database, "runs", "import", str(folder / "study.jsonl"), "--study", "calibration")
                new = sextant(database, "runs", "list", "--study", "calibration", "--limit", "1000")
                old = json.loads((folder / "runs.json").read_text())
                for run in old:
                    run.pop("labels", None)  # what a sweep says about its runs is found again, not imported
                self.assertEqual(list(differences(old, new)), [])

    def test_an_upload_is_acknowledged_and_stored(self):
        for folder in self.versions():
            with self.subTest(folder.name), Sextantd(str(binaries() / "sextantd")) as server:
                channel = server.channel
                study_grpc.StudyServiceStub(channel).CreateStudy(
                    study_pb.CreateStudyRequest(study_id="calibration", study=study_pb.Study()), timeout=60)
                requests = list(self.upload(folder / "upload.bin"))
                runs = run_grpc.RunServiceStub(channel)
                last = list(runs.UploadRuns(iter(requests), timeout=60))[-1]
                self.assertEqual((last.accepted, last.rejected, last.next_chunk), (5, 0, 2))
                sent = {run.name: run for run in self.runs_of(requests)}
                for name, run in sent.items():
                    stored = runs.GetRun(run_pb.GetRunRequest(name=name), timeout=60)
                    for field, value in run.ListFields():
                        if field.name == "curve":
                            continue  # GetRun leaves it out
                        self.assertEqual(getattr(stored, field.name), value, f"{name} {field.name}")

    @staticmethod
    def upload(path):
        data = path.read_bytes()
        while data:
            (size,) = struct.unpack_from("<I", data)
            yield run_pb.UploadRunsRequest.FromString(data[4:4 + size])
            data = data[4 + size:]

    @staticmethod
    def runs_of(requests):
        for request in requests:
            if request.WhichOneof("message") != "chunk":
                continue
            batch = request.chunk.batch
            if request.chunk.encoded_batch:
                batch = run_pb.RunBatch.FromString(request.chunk.encoded_batch)
            yield from batch.runs


if __name__ == "__main__":
    unittest.main()
