# SPDX-License-Identifier: Apache-2.0
"""A study with a small sweep, and fits of it with as many replicates as there may be."""
import math

from victim import service_process

TIMEOUT_S = 120
STUDY = "studies/sweep"


class Client:
    """Generated stubs on one channel."""

    def __init__(self, channel):
        self.study_pb, study_grpc = service_process.message_module("study")
        self.run_pb, run_grpc = service_process.message_module("run")
        self.fit_pb, fit_grpc = service_process.message_module("fit")
        self.prediction_pb, prediction_grpc = service_process.message_module("prediction")
        self.system_pb, system_grpc = service_process.message_module("system")
        self.studies = study_grpc.StudyServiceStub(channel)
        self.runs = run_grpc.RunServiceStub(channel)
        self.fits = fit_grpc.FitServiceStub(channel)
        self.predictions = prediction_grpc.PredictionServiceStub(channel)
        self.system = system_grpc.SystemServiceStub(channel)

    def create_study(self, study_id: str):
        study = self.study_pb.Study(loss_unit=self.study_pb.LossUnit.Value("NATS_PER_TOKEN"))
        return self.studies.CreateStudy(self.study_pb.CreateStudyRequest(study_id=study_id, study=study),
                                        timeout=TIMEOUT_S)

    def header(self, study: str, upload_id: str = ""):
        return self.run_pb.UploadRunsRequest(header=self.run_pb.UploadHeader(parent=study, upload_id=upload_id))

    def upload(self, study: str, runs: list, chunk: int = 500):
        def messages():
            yield self.header(study)
            for index, at in enumerate(range(0, len(runs), chunk)):
                yield self.run_pb.UploadRunsRequest(chunk=self.run_pb.UploadChunk(
                    index=index, last=at + chunk >= len(runs), batch=self.run_pb.RunBatch(runs=runs[at:at + chunk])))
        return list(self.runs.UploadRuns(messages(), timeout=TIMEOUT_S))[-1]

    def fit(self, **options):
        fit = self.fits.CreateFit(self.fit_pb.CreateFitRequest(**options), timeout=TIMEOUT_S)
        for fit in self.fits.WatchFit(self.fit_pb.WatchFitRequest(name=fit.name), timeout=TIMEOUT_S):
            pass
        return fit

    def sweep_runs(self) -> list:
        """Nine cells, seven rates each; the loss is a bowl in the log of the rate."""
        runs = []
        for params in (1e7, 3e7, 1e8):
            for tokens in (1e9, 3e9, 1e10):
                best = 20 * params ** -0.7 * tokens ** 0.25
                for step in range(-3, 4):
                    loss = 1.7 + 400 / params ** 0.34 + 1200 / tokens ** 0.28 + 0.02 * (step * math.log(2)) ** 2
                    runs.append(self.run_pb.Run(
                        run_id=f"r{len(runs)}", params_non_embedding=params, tokens=tokens, learning_rate=best * 2 ** step,
                        batch_size_tokens=2e5, loss_nats=loss + 0.0005 * (len(runs) * 7919 % 13 - 6)))
        return runs
