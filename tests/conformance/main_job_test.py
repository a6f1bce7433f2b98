#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The main job over the wire, by a client that knows the protos and nothing else: runs in, laws fitted, a prediction out.

The values of the Step Law sweep are those of its published table (Li et al. 2025), which is not ours to ship: that part
is skipped where ../shared/data is missing.
"""
import csv
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import service_process
from google.protobuf import json_format
from service_process import ROOT, Sextantd, binaries, on_postgres

STUBS = tempfile.TemporaryDirectory(prefix="sextant-stubs-")
service_process.make_stubs(pathlib.Path(STUBS.name))
study_pb, study_grpc = service_process.message_module("study")
run_pb, run_grpc = service_process.message_module("run")
law_pb, law_grpc = service_process.message_module("law")
fit_pb, fit_grpc = service_process.message_module("fit")
prediction_pb, prediction_grpc = service_process.message_module("prediction")

TIMEOUT = 120
STEP_LAW = ROOT.parent / "shared" / "data" / "steplaw-dense" / "runs.csv"
CALIBRATION = ROOT / "data" / "calibration" / "h100-bytes-t128" / "runs.csv"


def to_json(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


class Client:
    def __init__(self, channel):
        self.studies = study_grpc.StudyServiceStub(channel)
        self.runs = run_grpc.RunServiceStub(channel)
        self.laws = law_grpc.LawServiceStub(channel)
        self.fits = fit_grpc.FitServiceStub(channel)
        self.predictions = prediction_grpc.PredictionServiceStub(channel)

    def create_study(self, study_id, loss_unit="NATS_PER_TOKEN"):
        study = study_pb.Study(loss_unit=study_pb.LossUnit.Value(loss_unit))
        return self.studies.CreateStudy(study_pb.CreateStudyRequest(study_id=study_id, study=study), timeout=TIMEOUT)

    def upload(self, study, runs, chunk=500):
        def messages():
            yield run_pb.UploadRunsRequest(header=run_pb.UploadHeader(parent=f"studies/{study}", upload_id="python"))
            for index, at in enumerate(range(0, len(runs), chunk)):
                yield run_pb.UploadRunsRequest(chunk=run_pb.UploadChunk(
                    index=index, last=at + chunk >= len(runs), batch=run_pb.RunBatch(runs=runs[at:at + chunk])))
        return list(self.runs.UploadRuns(messages(), timeout=TIMEOUT))[-1]

    def fit(self, **options):
        fit = self.fits.CreateFit(fit_pb.CreateFitRequest(**options), timeout=TIMEOUT)
        for fit in self.fits.WatchFit(fit_pb.WatchFitRequest(name=fit.name), timeout=TIMEOUT):
            pass
        return fit


def calibration_runs():
    with open(CALIBRATION, newline="", encoding="utf-8") as file:
        return [run_pb.Run(run_id=row["run_id"], params_non_embedding=float(row["params_non_embedding"]),
                           tokens=float(row["tokens"]), learning_rate=float(row["learning_rate"]),
                           batch_size_tokens=float(row["batch_size_tokens"]), steps=float(row["steps"]),
                           loss_nats=float(row["val_loss_nats"]), source=f"runs.csv:{line}")
                for line, row in enumerate(csv.DictReader(file), 2)]


def step_law_runs():
    with open(STEP_LAW, newline="", encoding="utf-8") as file:
        return [run_pb.Run(params_non_embedding=float(row["N"]), tokens=float(row["D"]), learning_rate=float(row["lr"]),
                           batch_size_tokens=float(row["batch_tokens"]), loss_nats=float(row["smooth_loss"]),
                           source=f"runs.csv:{line}") for line, row in enumerate(csv.DictReader(file), 2)]


class MainJob(unittest.TestCase):
    def setUp(self):
        self.daemon = Sextantd(str(binaries() / "sextantd"))
        self.addCleanup(self.daemon.__exit__, None, None, None)
        self.client = Client(self.daemon.channel)

    def test_calibration_runs_in_hyperparameters_out(self):
        client = self.client
        client.create_study("h100", "NATS_PER_BYTE")
        runs = calibration_runs()
        answer = client.upload("h100", runs)
        self.assertEqual((answer.accepted, answer.duplicate, answer.rejected), (len(runs), 0, 0))
        rate = client.fit(parent="studies/h100", law="lr-power-nd", estimator="band", bootstrap_replicates=200)
        batch = client.fit(parent="studies/h100", law="batch-power-d", estimator="band", bootstrap_replicates=200)
        for fit in (rate, batch):
            self.assertEqual(fit.state, fit_pb.FIT_SUCCEEDED, fit.error.message)
            self.assertEqual(fit, client.fits.GetFit(fit_pb.GetFitRequest(name=fit.name), timeout=TIMEOUT))
        request = prediction_pb.PredictRequest(params=1e8, tokens=1e10, studies=["studies/h100"])
        by_study = client.predictions.Predict(request, timeout=TIMEOUT)
        self.assertEqual(len(by_study.predictions), 1, "a study's fits answer together")
        prediction = by_study.predictions[0]
        self.assertEqual(sorted(prediction.fits), sorted([rate.name, batch.name]))
        for quantity in (prediction.learning_rate, prediction.batch_size_tokens):
            self.assertLessEqual(quantity.low, quantity.high)
            self.assertGreater(quantity.value, 0)
        # The law, recomputed from the parameters that the fit shows.
        log_c, a, b = (parameter.estimate for parameter in rate.parameters)
        self.assertAlmostEqual(math.log(prediction.learning_rate.value),
                               log_c + a * math.log(1e8) + b * math.log(1e10), places=9)
        self.compare_with_embedded_cli(by_study)

    def compare_with_embedded_cli(self, over_the_wire):
        """The command line, in process over the same file, must give the same messages."""
        cli = binaries() / "sextant"
        if on_postgres():
            return  # embedded mode is for files
        if not cli.exists():
            self.skipTest("sextant is not built: embedded mode is not compared")
        self.assertEqual(self.daemon.stop(), 0)
        printed = subprocess.run([cli, "--db", self.daemon.database, "-o", "json", "predict", "--params", "1e8",
                                  "--tokens", "1e10", "--study", "h100"], check=True, capture_output=True).stdout
        embedded = json_format.ParseDict(json.loads(printed), prediction_pb.PredictResponse(),
                                         ignore_unknown_fields=True)
        self.assertEqual(to_json(embedded), to_json(over_the_wire))

    @unittest.skipUnless(STEP_LAW.exists(), f"{STEP_LAW} is missing")
    def test_step_law_sweep_gives_the_known_laws(self):
        client = self.client
        client.create_study("steplaw")
        answer = client.upload("steplaw", step_law_runs())
        self.assertEqual((answer.accepted, answer.rejected), (1746, 0))
        # Selected runs, cells and laws of the published recipe: all runs within 0.25 % of their cell's best.
        expected = {"lr-power-nd": (4.416354, -0.7711644, 0.1983623), "batch-power-d": (math.log(0.1535546), 0.6266847)}
        for law, values in expected.items():
            fit = client.fit(parent="studies/steplaw", law=law, estimator="band", bootstrap_replicates=100)
            self.assertEqual(fit.state, fit_pb.FIT_SUCCEEDED, fit.error.message)
            self.assertEqual((fit.runs_used, fit.cells_used), (110, 15))
            for parameter, value in zip(fit.parameters, values, strict=True):
                self.assertLess(abs(parameter.estimate - value), 2e-6 * max(1, abs(value)), (law, parameter.name))
        again = list(client.runs.UploadRuns(iter([
            run_pb.UploadRunsRequest(header=run_pb.UploadHeader(parent="studies/steplaw")),
            run_pb.UploadRunsRequest(chunk=run_pb.UploadChunk(
                index=0, last=True, batch=run_pb.RunBatch(runs=step_law_runs()[:100])))]), timeout=TIMEOUT))[-1]
        self.assertEqual((again.accepted, again.duplicate), (0, 100))

    def test_every_published_law_answers_from_its_text(self):
        response = self.client.predictions.Predict(prediction_pb.PredictRequest(params=1e9, tokens=1e11),
                                                   timeout=TIMEOUT)
        values = {prediction.laws[0]: prediction for prediction in response.predictions}
        # Li et al. 2025, rounded constants.
        self.assertAlmostEqual(values["step-law-lr"].learning_rate.value / (1.79 * 1e9**-0.713 * 1e11**0.307), 1, 9)
        for prediction in response.predictions:
            self.assertTrue(prediction.source, f"{prediction.laws} has no citation")
        laws = self.client.laws.ListLaws(law_pb.ListLawsRequest(page_size=1000), timeout=TIMEOUT).laws
        published = {law.name.removeprefix("laws/") for law in laws if law.published}
        answered = set(values) | {unanswered.source for unanswered in response.unanswered}
        self.assertEqual(answered - {"consensus"}, published)


if __name__ == "__main__":
    unittest.main(verbosity=2)
