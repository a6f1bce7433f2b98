#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The forecast ledger over the wire: seals that anybody can recompute from what the API answers, scores, and hostile names."""
import hashlib
import math
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import grpc
import service_process
from service_process import Sextantd, binaries

STUBS = tempfile.TemporaryDirectory(prefix="sextant-stubs-")
service_process.make_stubs(pathlib.Path(STUBS.name))
service_process.make_error_details(pathlib.Path(STUBS.name))
study_pb, study_grpc = service_process.message_module("study")
run_pb, run_grpc = service_process.message_module("run")
prediction_pb, _ = service_process.message_module("prediction")
forecast_pb, forecast_grpc = service_process.message_module("forecast")

TIMEOUT = 60
PARAMS, TOKENS = 1e9, 2e10


def number(value):
    """The shortest text that reads back as the same double, of fixed and scientific the shorter, fixed if equal."""
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    mantissa, exponent = f"{value!r}".lower().partition("e")[::2]
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, part = mantissa.lstrip("-").partition(".")
    digits = (whole + part).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + part) - len((whole + part).lstrip("0")))
    digits = digits.rstrip("0")
    if not digits:
        return "0"
    if point <= 0:
        fixed = "0." + "0" * -point + digits
    elif point >= len(digits):
        fixed = digits + "0" * (point - len(digits))
    else:
        fixed = digits[:point] + "." + digits[point:]
    power = point - 1
    scientific = digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + f"e{'-' if power < 0 else '+'}{abs(power):02d}"
    return sign + (scientific if len(scientific) < len(fixed) else fixed)


def optional(message, field):
    return getattr(message, field) if message.HasField(field) else None


def sealed_text(forecast):
    """As docs/forecasts.md says it, from what the API answers."""
    lines = ["sextant forecast 1"]

    def text(name, value):
        lines.append(f"{name} {len(value.encode())}:{value}")

    def real(name, value):
        lines.append(f"{name} {number(value)}")

    inputs, prediction = forecast.inputs, forecast.prediction
    text("id", forecast.name.rsplit("/", 1)[1])
    lines.append(f"seal_time {forecast.seal_time.seconds * 1_000_000 + forecast.seal_time.nanos // 1000}")
    real("params", inputs.params)
    real("tokens", inputs.tokens)
    real("batch_size_tokens", optional(inputs, "batch_size_tokens"))
    real("learning_rate", optional(inputs, "learning_rate"))
    real("loss", optional(inputs, "loss_nats"))
    real("interval", inputs.interval)
    real("tolerance", inputs.tolerance)
    lines.append(f"at {len(inputs.at)}")
    for name in sorted(inputs.at):
        text("name", name)
        real("value", inputs.at[name])
    text("param_count", inputs.param_count)
    text("loss_unit", inputs.loss_unit)
    fields = [f for f in prediction.DESCRIPTOR.fields
              if f.message_type is not None and f.message_type.name == "Quantity" and prediction.HasField(f.name)]
    lines.append(f"quantities {len(fields) + len(prediction.other)}")
    bounds = ("low", "high", "near_optimal_low", "near_optimal_high", "parameter_low", "parameter_high")
    for field in sorted(fields, key=lambda f: f.number):
        quantity = getattr(prediction, field.name)
        text("name", field.name)
        real("value", quantity.value)
        for bound in bounds:
            real(bound, optional(quantity, bound))
    for name in sorted(prediction.other):
        text("name", "other." + name)
        real("value", prediction.other[name])
        for bound in bounds:
            real(bound, None)
    lines.append(f"sources {len(forecast.sources)}")
    for source in forecast.sources:
        for name in ("name", "law", "estimator", "data_digest", "quantity"):
            text(name, getattr(source, name))
    extrapolation = prediction.extrapolation if prediction.HasField("extrapolation") else None
    real("extrapolation_params", extrapolation.params if extrapolation else None)
    real("extrapolation_tokens", extrapolation.tokens if extrapolation else None)
    text("rate_kind", prediction.rate_kind)
    text("version", forecast.version)
    return "\n".join(lines) + "\n"


class ForecastsTest(unittest.TestCase):
    def setUp(self):
        self.server = Sextantd(str(binaries() / "sextantd"), [])
        self.addCleanup(self.server.__exit__)
        self.forecasts = forecast_grpc.ForecastServiceStub(self.server.channel)
        self.runs = run_grpc.RunServiceStub(self.server.channel)
        study_grpc.StudyServiceStub(self.server.channel).CreateStudy(
            study_pb.CreateStudyRequest(study_id="s"), timeout=TIMEOUT)

    def create(self, forecast_id="", law="step-law-lr", **target):
        values = {"params": PARAMS, "tokens": TOKENS, "laws": [law], **target}
        return self.forecasts.CreateForecast(forecast_pb.CreateForecastRequest(
            parent="studies/s", forecast_id=forecast_id, target=prediction_pb.PredictRequest(**values)), timeout=TIMEOUT)

    def upload(self, runs):
        list(self.runs.UploadRuns(iter([
            run_pb.UploadRunsRequest(header=run_pb.UploadHeader(parent="studies/s")),
            run_pb.UploadRunsRequest(chunk=run_pb.UploadChunk(index=0, last=True, batch=run_pb.RunBatch(runs=runs)))]),
            timeout=TIMEOUT))

    def refused(self, call, *codes):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        self.assertIn(caught.exception.code(), codes, caught.exception.details())
        return caught.exception

    def test_numbers_are_written_as_they_are_sealed(self):
        for value, text in ((7e9, "7e+09"), (1.4e12, "1.4e+12"), (0.9, "0.9"), (0.0025, "0.0025"), (1e-5, "1e-05"), (100.0, "100"),
                            (123456.0, "123456"), (0.1 + 0.2, "0.30000000000000004"), (3.1e-4, "0.00031"), (0.0, "0"),
                            (1e5, "1e+05"), (5e-324, "5e-324"), (-2.5, "-2.5"), (1234567.0, "1234567"), (float("nan"), "-")):
            self.assertEqual(number(value), text)

    def test_anybody_can_recompute_a_seal(self):
        made = [self.create("bare"), self.create("batch", batch_size_tokens=2 ** 20, interval=0.8, tolerance=0.01),
                self.create("loss", law="chinchilla-epoch"), self.create("more", at={"U": 25e9, "zero": 0.0})]
        for forecast in made:
            self.assertEqual(hashlib.sha256(sealed_text(forecast).encode()).hexdigest(), forecast.seal, sealed_text(forecast))
            self.assertFalse(forecast.seal_broken)
        listed = self.forecasts.ListForecasts(forecast_pb.ListForecastsRequest(parent="studies/s"), timeout=TIMEOUT)
        self.assertEqual([f.seal for f in listed.forecasts], [f.seal for f in reversed(made)], "newest first")

    def test_a_run_scores_its_forecast(self):
        rate = self.create("f").prediction.learning_rate.value
        self.upload([run_pb.Run(run_id=f"r{i}", params_non_embedding=PARAMS, tokens=TOKENS, learning_rate=rate * 2.0 ** i,
                                batch_size_tokens=2 ** 19, loss_nats=2.5 + 0.02 * (i - 1) ** 2) for i in range(-2, 4)])
        answer = self.forecasts.ScoreForecasts(forecast_pb.ScoreForecastsRequest(parent="studies/s"), timeout=TIMEOUT)
        (score,) = answer.forecasts[0].scores
        self.assertEqual((score.quantity, score.run), ("learning_rate", "studies/s/runs/r1"))
        self.assertAlmostEqual(score.error, math.log(2))
        self.assertAlmostEqual(score.excess_loss, 0.02 / 2.5)
        again = self.forecasts.GetForecast(forecast_pb.GetForecastRequest(name="studies/s/forecasts/f"), timeout=TIMEOUT)
        self.assertEqual([s.run for s in again.scores], [score.run])
        self.assertEqual(hashlib.sha256(sealed_text(again).encode()).hexdigest(), again.seal)

    def test_hostile_requests_are_refused_and_harm_nothing(self):
        bad = grpc.StatusCode.INVALID_ARGUMENT
        for name in ("", "studies/s/forecasts/", "studies/s/forecasts/" + "x" * 1_000_000, "studies/s/forecasts/a\x00b",
                     "studies/../forecasts/a", "forecasts/a", "studies/s/forecasts/\u202e"):
            for call, request in ((self.forecasts.GetForecast, forecast_pb.GetForecastRequest(name=name)),
                                  (self.forecasts.DeleteForecast, forecast_pb.DeleteForecastRequest(name=name)),
                                  (self.forecasts.ScoreForecasts,
                                   forecast_pb.ScoreForecastsRequest(parent="studies/s", forecasts=[name]))):
                self.refused(lambda call=call, request=request: call(request, timeout=TIMEOUT), bad)
            if name:
                self.refused(lambda name=name: self.create(name), bad)
                self.refused(lambda name=name: list(self.forecasts.WatchRun(
                    forecast_pb.WatchRunRequest(name="studies/s/runs/r", forecast=name), timeout=TIMEOUT)), bad)
        self.refused(lambda: self.create(at={f"v{i}": 1.0 for i in range(10_000)}), bad)
        self.refused(lambda: self.create(params=float("inf")), bad)
        self.refused(lambda: self.create(interval=2.0), bad)
        self.refused(lambda: self.create(law="no-such-law"), grpc.StatusCode.NOT_FOUND)
        self.refused(lambda: self.forecasts.ListForecasts(
            forecast_pb.ListForecastsRequest(parent="studies/s", page_size=-1), timeout=TIMEOUT), bad)
        self.refused(lambda: self.forecasts.ListForecasts(
            forecast_pb.ListForecastsRequest(parent="studies/s", page_token="x" * 100_000), timeout=TIMEOUT), bad)
        self.refused(lambda: self.forecasts.ScoreForecasts(forecast_pb.ScoreForecastsRequest(
            parent="studies/s", forecasts=[f"studies/s/forecasts/f{i}" for i in range(1001)]), timeout=TIMEOUT), bad)
        for tolerance in (-1.0, 2.0, float("nan")):
            self.refused(lambda tolerance=tolerance: self.forecasts.ScoreForecasts(forecast_pb.ScoreForecastsRequest(
                parent="studies/s", recipe_tolerance=tolerance), timeout=TIMEOUT), bad)
        listed = self.forecasts.ListForecasts(forecast_pb.ListForecastsRequest(parent="studies/s"), timeout=TIMEOUT)
        self.assertEqual(len(listed.forecasts), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
