#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Latency of Predict while the server takes an upload of a million points, fits with 4000 replicates and exports a study,
all at once, against the same server at rest. The server has one core to itself (sched_setaffinity); those who make the
load share another with the one who measures, at the lowest priority. Prints p50, p99 and their ratios; on a machine that
others use too the numbers are theirs as well.

usage: predict_load_bench.py [--seconds 20] [--priority -15]     (needs SEXTANT_BIN_DIR)
--priority puts the server and the one who measures above others on the machine (root); the load stays below them."""
import argparse
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "conformance"))
import grpc
import service_process
from service_process import Sextantd, binaries

STUBS = tempfile.TemporaryDirectory(prefix="sextant-stubs-")
service_process.make_stubs(pathlib.Path(STUBS.name))
study_pb, study_grpc = service_process.message_module("study")
run_pb, run_grpc = service_process.message_module("run")
fit_pb, fit_grpc = service_process.message_module("fit")
prediction_pb, prediction_grpc = service_process.message_module("prediction")

POINTS, POINTS_OF_A_RUN, RUNS_OF_A_CHUNK = 1_000_000, 1000, 20
REPLICATES = 4000
TIMEOUT = 600


def sweep():
    """A grid of rates for sixteen cells, with one best rate each."""
    runs = []
    for n in (1e8, 2e8, 4e8, 8e8):
        for d in (2e9, 4e9, 8e9, 16e9):
            best = math.log(2.0) - 0.7 * math.log(n) / 2 + 0.2 * math.log(d) / 2
            for step in range(-4, 5):
                rate = math.exp(best + 0.35 * step)
                loss = 2 + 400 / n**0.34 + 600 / d**0.3 + 0.004 * (step + 0.1) ** 2
                runs.append(run_pb.Run(run_id=f"{n:g}-{d:g}-{step}", params_non_embedding=n, tokens=d, learning_rate=rate,
                                       batch_size_tokens=2**19, loss_nats=loss))
    return runs


def upload(channel, study, chunks):
    def requests():
        yield run_pb.UploadRunsRequest(header=run_pb.UploadHeader(parent=f"studies/{study}"))
        for index, runs in enumerate(chunks):
            yield run_pb.UploadRunsRequest(chunk=run_pb.UploadChunk(index=index, batch=run_pb.RunBatch(runs=runs)))
    for answer in run_grpc.RunServiceStub(channel).UploadRuns(requests(), timeout=TIMEOUT):
        last = answer
    return last


def curve_chunks():
    runs = POINTS // POINTS_OF_A_RUN
    steps = list(range(POINTS_OF_A_RUN))
    for first in range(0, runs, RUNS_OF_A_CHUNK):
        chunk = []
        for i in range(first, min(runs, first + RUNS_OF_A_CHUNK)):
            run = run_pb.Run(run_id=f"c{os.getpid()}-{i}", params_non_embedding=1e8, tokens=1e9 + i, learning_rate=1e-3,
                             loss_nats=3)
            run.curve.step.extend(steps)
            run.curve.train_loss.extend(3 + (i * 7919 + j * 104729) % 10007 / 10007 for j in steps)
            chunk.append(run)
        yield chunk


def load(address):
    """One round of all three, at once; in a process of its own."""
    channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
    fits = fit_grpc.FitServiceStub(channel)

    def fit():
        made = fits.CreateFit(fit_pb.CreateFitRequest(parent="studies/sweep", law="lr-power-nd",
                                                      bootstrap_replicates=REPLICATES), timeout=TIMEOUT)
        *_, last = fits.WatchFit(fit_pb.WatchFitRequest(name=made.name), timeout=TIMEOUT)
        print("fit", fit_pb.FitState.Name(last.state), flush=True)

    def export():
        pieces = study_grpc.StudyServiceStub(channel).ExportStudy(study_pb.ExportStudyRequest(name="studies/curves"),
                                                                  timeout=TIMEOUT)
        print("export", sum(len(piece.data) for piece in pieces), "bytes", flush=True)

    threads = [threading.Thread(target=work) for work in (fit, export)]
    for thread in threads:
        thread.start()
    answer = upload(channel, "curves", curve_chunks())
    print("upload", answer.accepted * POINTS_OF_A_RUN, "points", flush=True)
    for thread in threads:
        thread.join()


def measure(channel, seconds, running=lambda: True):
    predict = prediction_grpc.PredictionServiceStub(channel).Predict
    request = prediction_pb.PredictRequest(params=7e9, tokens=1.4e12, studies=["studies/sweep"])
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and running():
        begin = time.perf_counter()
        predict(request, timeout=TIMEOUT)
        times.append(time.perf_counter() - begin)
        time.sleep(0.001)
    times.sort()
    return len(times), times[len(times) // 2], times[int(len(times) * 0.99)]


def take_core(core, priority):
    os.sched_setaffinity(0, {core})
    if priority is not None:
        os.setpriority(os.PRIO_PROCESS, 0, priority)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--priority", type=int, help="niceness of the server and of the one who measures")
    parser.add_argument("--load", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        os.setpriority(os.PRIO_PROCESS, 0, 15)
        load(arguments.load)
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("needs two cores")
    with Sextantd(str(binaries() / "sextantd"), ["--threads", "1"],
                  preexec_fn=lambda: take_core(cores[0], arguments.priority)) as server:
        take_core(cores[1], arguments.priority)
        studies = study_grpc.StudyServiceStub(server.channel)
        for study in ("sweep", "curves"):
            studies.CreateStudy(study_pb.CreateStudyRequest(study_id=study), timeout=TIMEOUT)
        upload(server.channel, "sweep", [sweep()])
        upload(server.channel, "curves", curve_chunks())
        fits = fit_grpc.FitServiceStub(server.channel)
        made = fits.CreateFit(fit_pb.CreateFitRequest(parent="studies/sweep", law="lr-power-nd", bootstrap_replicates=200),
                              timeout=TIMEOUT)
        *_, last = fits.WatchFit(fit_pb.WatchFitRequest(name=made.name), timeout=TIMEOUT)
        assert last.state == fit_pb.FIT_SUCCEEDED, last
        measure(server.channel, 2)
        idle = measure(server.channel, arguments.seconds)
        loader = subprocess.Popen([sys.executable, __file__, "--load", server.address])
        busy = measure(server.channel, 10 * arguments.seconds, lambda: loader.poll() is None)
        print(f"idle: {idle[0]} calls, p50 {idle[1] * 1e3:.2f} ms, p99 {idle[2] * 1e3:.2f} ms")
        print(f"load: {busy[0]} calls, p50 {busy[1] * 1e3:.2f} ms, p99 {busy[2] * 1e3:.2f} ms")
        print(f"ratio: p50 {busy[1] / idle[1]:.2f}, p99 {busy[2] / idle[2]:.2f}")
        loader.wait()


if __name__ == "__main__":
    main()
