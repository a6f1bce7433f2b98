#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Concurrent writers and readers over gRPC, with the server killed every few seconds; every operation is recorded with
when it began, when it ended and what was answered, and the history is held against a model:

- a study's title is a register: its updates and reads are linearizable (a call whose answer was lost may have taken
  effect at any time after it began, or never);
- a run comes into being and goes at most once, whole; what was acknowledged is there, what was deleted is not, after
  every kill;
- an upload counts each of its runs once: its counts are those of the model;
- a study's counts are those of its listing.

usage: history_test.py [--seconds N] [--seed S] [--kill-every S] [--server PROGRAM…]
Without --server it also runs two servers with planted bugs, which must be found. What it prints names the seed; the same
seed makes the same clients do the same work and kills after the same times (how threads meet is the machine's)."""
import argparse
import collections
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import grpc
import service_process
from service_process import binaries

STUBS = tempfile.TemporaryDirectory(prefix="sextant-stubs-")
service_process.make_stubs(pathlib.Path(STUBS.name))
study_pb, study_grpc = service_process.message_module("study")
run_pb, run_grpc = service_process.message_module("run")

CALL_PATIENCE = 5
WRITERS, UPLOADERS, READERS = 2, 3, 2
UPDATES_OF_A_STUDY = 24  # a check takes time that grows with what overlaps
RUNS_OF_A_CHUNK = 3
# The outcome of these calls is not known: they may have taken effect, or may yet.
UNKNOWN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED,
           grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}

Call = collections.namedtuple("Call", "begin end kind value known")


class Violation(Exception):
    pass


def linearizable(calls, initial):
    """Whether a register's calls have an order that agrees with their times and answers (Wing and Gong 1993, with the
    memory of Lowe 2017). Calls with known=False may be left out; they end never."""
    # Each value is written once. A write of unknown outcome that nobody has read may as well have never been.
    read = {call.value for call in calls if call.kind == "read"}
    calls = sorted((call for call in calls if call.known or call.value in read), key=lambda call: call.begin)
    ends = [call.end if call.known else float("inf") for call in calls]
    seen = set()
    everything = frozenset(i for i, call in enumerate(calls) if call.known)
    stack = [(frozenset(), initial)]
    while stack:
        done, value = stack.pop()
        if everything <= done:
            return True
        if (done, value) in seen:
            continue
        seen.add((done, value))
        # Whatever comes next has begun before the first of the others has ended.
        first_end = min(ends[i] for i in range(len(calls)) if i not in done)
        for i, call in enumerate(calls):
            if i in done:
                continue
            if call.begin > first_end:
                break
            if call.kind == "write":
                stack.append((done | {i}, call.value))
            elif call.value == value:
                stack.append((done | {i}, value))
    return False


class Server:
    """The program under test, killed and started again over one database."""

    def __init__(self, folder, program):
        self.folder, self.program = pathlib.Path(folder), program
        self.database = service_process.new_database(self.folder / "history.db")
        self.lock = threading.Lock()
        self.kills = 0
        self.channel = None
        self.start()

    def start(self):
        port = self.folder / "port"
        port.unlink(missing_ok=True)
        if self.program:
            command = [*self.program, str(self.database), str(port)]
        else:
            command = [str(binaries() / "sextantd"), "--listen", "127.0.0.1:0", "--db", str(self.database), "--port-file",
                       str(port), "--threads", "1"]
        self.log = open(self.folder / "log", "a", encoding="utf-8")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while not port.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Violation("the server does not start again: " + (self.folder / "log").read_text()[-500:])
            time.sleep(0.01)
        address = "127.0.0.1:" + port.read_text().strip()
        with self.lock:
            self.channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0),
                                                                    ("grpc.use_local_subchannel_pool", 1)])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills += 1

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def studies(self):
        with self.lock:
            return study_grpc.StudyServiceStub(self.channel)

    def runs(self):
        with self.lock:
            return run_grpc.RunServiceStub(self.channel)


class History:
    def __init__(self, server, seed, seconds):
        self.server, self.seed, self.seconds = server, seed, seconds
        self.lock = threading.Lock()
        self.titles = collections.defaultdict(list)   # study -> calls of its title
        self.runs_checked = 0
        self.made, self.gone, self.maybe_gone, self.maybe = {}, {}, set(), set()  # runs, with when that was known
        self.uploads = {}                             # upload -> [acknowledged chunks, chunks that may be there]
        self.operations = 0
        self.errors = []
        self.current = None
        self.next_study = self.round = 0
        self.stopping = threading.Event()

    def call(self, method, request):
        """(answer or None, code, begin, end)."""
        begin = time.monotonic()
        try:
            answer, code = method(request, timeout=CALL_PATIENCE), grpc.StatusCode.OK
        except grpc.RpcError as error:
            answer, code = None, error.code()
        except ValueError:  # the channel was closed meanwhile
            answer, code = None, grpc.StatusCode.UNAVAILABLE
        with self.lock:
            self.operations += 1
        return answer, code, begin, time.monotonic()

    def fail(self, text):
        with self.lock:
            self.errors.append(text)
        self.stopping.set()

    # Titles.
    def new_study(self):
        with self.lock:
            self.next_study += 1
            study = f"t{self.next_study}"
        while not self.stopping.is_set():
            _, code, _, _ = self.call(self.server.studies().CreateStudy, study_pb.CreateStudyRequest(
                study_id=study, study=study_pb.Study(title="0")))
            if code in (grpc.StatusCode.OK, grpc.StatusCode.ALREADY_EXISTS):
                break
            time.sleep(0.05)
        self.current = study

    def write_titles(self, writer):
        chance = random.Random(f"{self.seed}/{self.round}/writer/{writer}")
        count = 0
        while not self.stopping.is_set():
            study = self.current
            count += 1
            title = f"w{self.round}-{writer}-{count}"
            _, code, begin, end = self.call(self.server.studies().UpdateStudy, study_pb.UpdateStudyRequest(
                study=study_pb.Study(name=f"studies/{study}", title=title)))
            known = code == grpc.StatusCode.OK
            if not known and code not in UNKNOWN:
                return self.fail(f"UpdateStudy of {study}: {code}")
            if not known:
                time.sleep(0.1)
            with self.lock:
                self.titles[study].append(Call(begin, end, "write", title, known))
                full = len(self.titles[study]) >= UPDATES_OF_A_STUDY
            if full and writer == 0:
                self.new_study()
            time.sleep(chance.random() * 0.05)

    def read_titles(self, reader):
        chance = random.Random(f"{self.seed}/{self.round}/reader/{reader}")
        while not self.stopping.is_set():
            study = self.current
            answer, code, begin, end = self.call(self.server.studies().GetStudy,
                                                 study_pb.GetStudyRequest(name=f"studies/{study}"))
            if answer is not None:
                with self.lock:
                    self.titles[study].append(Call(begin, end, "read", answer.title, True))
            elif code not in UNKNOWN:
                return self.fail(f"GetStudy of {study}: {code}")
            time.sleep(chance.random() * 0.05)

    # Runs.
    def upload(self, uploader):
        chance = random.Random(f"{self.seed}/{self.round}/uploader/{uploader}")
        number = 0
        while not self.stopping.is_set():
            number += 1
            name = f"u{self.round}x{uploader}-{number}"
            chunks = chance.randint(2, 12)
            self.uploads[name] = [0, 0]
            while not self.stopping.is_set() and self.uploads[name][0] < chunks:
                self.upload_some(name, chunks)
            if not self.stopping.is_set():
                self.delete_some(chance, name, chunks)

    def upload_some(self, name, chunks):
        """Goes on where the server says; what it says must be what was acknowledged, or more that was sent."""
        state = self.uploads[name]
        sent, ready = [], threading.Condition()
        position = [-1]
        closed = [False]

        def requests():
            yield run_pb.UploadRunsRequest(header=run_pb.UploadHeader(parent="studies/runs", upload_id=name))
            last = -1
            while True:
                with ready:
                    ready.wait_for(lambda: position[0] > last or closed[0], timeout=CALL_PATIENCE)
                    if closed[0] or position[0] <= last or position[0] >= chunks:
                        return
                    last = position[0]
                runs = []
                for i in range(RUNS_OF_A_CHUNK):
                    run = run_pb.Run(run_id=f"{name}-{last}-{i}", params_non_embedding=1e8, tokens=1e9 + last,
                                     learning_rate=1e-3, loss_nats=3)
                    run.curve.step.extend(range(20))
                    run.curve.train_loss.extend(3 + last + j / 7 for j in range(20))
                    runs.append(run)
                with self.lock:
                    state[1] = max(state[1], last + 1)
                    self.maybe.update(run.run_id for run in runs)
                sent.append(last)
                yield run_pb.UploadRunsRequest(chunk=run_pb.UploadChunk(
                    index=last, last=last + 1 == chunks, batch=run_pb.RunBatch(runs=runs)))

        try:
            for answer in self.server.runs().UploadRuns(requests(), timeout=CALL_PATIENCE * 4):
                now = time.monotonic()
                with self.lock:
                    self.operations += 1
                if answer.next_chunk < state[0]:
                    return self.fail(f"upload {name}: {state[0]} chunks were acknowledged, the server has "
                                     f"{answer.next_chunk}")
                if answer.next_chunk > state[1]:
                    return self.fail(f"upload {name}: {state[1]} chunks were sent, the server has {answer.next_chunk}")
                counted = answer.accepted + answer.duplicate + answer.rejected
                wanted = answer.next_chunk * RUNS_OF_A_CHUNK
                if answer.accepted != wanted or counted != wanted:
                    return self.fail(f"upload {name}: {wanted} runs in {answer.next_chunk} chunks, counted {answer.accepted} "
                                     f"accepted, {answer.duplicate} duplicate, {answer.rejected} rejected: applied twice?")
                with self.lock:
                    for chunk in range(state[0], answer.next_chunk):
                        for i in range(RUNS_OF_A_CHUNK):
                            self.made[f"{name}-{chunk}-{i}"] = now
                    state[0] = answer.next_chunk
                with ready:
                    position[0] = answer.next_chunk
                    ready.notify()
        except (grpc.RpcError, ValueError) as error:
            code = error.code() if isinstance(error, grpc.RpcError) else grpc.StatusCode.UNAVAILABLE
            if code not in UNKNOWN:
                self.fail(f"upload {name}: {code}: {error}")
            time.sleep(0.05)
        finally:
            with ready:
                closed[0] = True
                ready.notify()

    def delete_some(self, chance, name, chunks):
        for chunk in range(chunks):
            if chance.random() > 0.2:
                continue
            run = f"{name}-{chunk}-0"
            tries = 0
            while not self.stopping.is_set():
                with self.lock:
                    self.maybe_gone.add(run)
                _, code, _, end = self.call(self.server.runs().DeleteRun,
                                            run_pb.DeleteRunRequest(name=f"studies/runs/runs/{run}"))
                tries += 1
                if code == grpc.StatusCode.NOT_FOUND and tries == 1:
                    return self.fail(f"{run} was acknowledged, and is not there to be deleted")
                if code in (grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND):
                    with self.lock:
                        self.gone[run] = end
                    break
                if code not in UNKNOWN:
                    return self.fail(f"DeleteRun of {run}: {code}")
                time.sleep(0.05)

    def read_runs(self, reader):
        """Any run that is known to be there, or gone, before the read began, must be so."""
        chance = random.Random(f"{self.seed}/{self.round}/runs/{reader}")
        while not self.stopping.is_set():
            with self.lock:
                made = list(self.made)
            if made:
                run = chance.choice(made)
                with self.lock:
                    gone, maybe = run in self.gone, run in self.maybe_gone
                answer, code, _, _ = self.call(self.server.runs().GetRun,
                                               run_pb.GetRunRequest(name=f"studies/runs/runs/{run}"))
                if code == grpc.StatusCode.OK and gone:
                    return self.fail(f"{run} was deleted, and is there")
                with self.lock:
                    maybe = maybe or run in self.maybe_gone
                if code == grpc.StatusCode.NOT_FOUND and not maybe:
                    return self.fail(f"{run} was acknowledged, and is not there")
                if answer is not None and answer.curve_point_count != 20:
                    return self.fail(f"{run} has {answer.curve_point_count} points of 20")
            time.sleep(chance.random() * 0.02)

    # The whole.
    def check_all(self):
        """With no client about: the listing is the model's, and so are the counts."""
        runs = self.server.runs()
        found, token = collections.Counter(), ""
        while True:
            page = runs.ListRuns(run_pb.ListRunsRequest(parent="studies/runs", page_size=5000, page_token=token), timeout=60)
            found.update(run.name.rsplit("/", 1)[1] for run in page.runs)
            token = page.next_page_token
            if not token:
                break
        twice = [run for run, count in found.items() if count > 1]
        lost = [run for run in self.made if run not in found and run not in self.maybe_gone]
        back = [run for run in self.gone if run in found]
        strange = [run for run in found if run not in self.maybe]
        for what, bad in (("twice", twice), ("acknowledged and lost", lost), ("deleted and back", back),
                          ("never sent", strange)):
            if bad:
                raise Violation(f"{len(bad)} runs {what}: {bad[:5]}")
        for name, (acknowledged, sent) in self.uploads.items():
            for chunk in range(acknowledged, sent):  # not acknowledged: whole, or not at all
                there = [f"{name}-{chunk}-{i}" in found for i in range(RUNS_OF_A_CHUNK)]
                if any(there) != all(there):
                    raise Violation(f"chunk {chunk} of upload {name} is half there")
        study = self.server.studies().GetStudy(study_pb.GetStudyRequest(name="studies/runs"), timeout=60)
        if study.run_count != len(found):
            raise Violation(f"the study counts {study.run_count} runs, and lists {len(found)}")

    def check_titles(self):
        checked = 0
        for study, calls in self.titles.items():
            if not linearizable(calls, "0"):
                raise Violation(f"the title of {study} has no order that fits: {sorted(calls)}")
            checked += len(calls)
        self.titles.clear()
        return checked

    def run(self, kill_every):
        for _ in range(100):
            _, code, _, _ = self.call(self.server.studies().CreateStudy, study_pb.CreateStudyRequest(study_id="runs"))
            if code in (grpc.StatusCode.OK, grpc.StatusCode.ALREADY_EXISTS):
                break
            time.sleep(0.1)
        chance = random.Random(f"{self.seed}/kills")
        end = time.monotonic() + self.seconds
        checked = 0
        while time.monotonic() < end:
            self.stopping.clear()
            self.round += 1  # in the names of runs and uploads, and in what the clients draw
            self.new_study()
            threads = [threading.Thread(target=work, args=(i,), daemon=True)
                       for work, count in ((self.write_titles, WRITERS), (self.upload, UPLOADERS),
                                           (self.read_titles, READERS), (self.read_runs, READERS)) for i in range(count)]
            for thread in threads:
                thread.start()
            for _ in range(4):
                self.stopping.wait(chance.uniform(0.5, 1.5) * kill_every)
                if self.stopping.is_set():
                    break
                self.server.kill()
                self.server.start()
            self.stopping.wait(1)
            self.stopping.set()
            for thread in threads:
                thread.join(timeout=60)
            if self.errors:
                raise Violation(self.errors[0])
            self.check_all()
            checked += self.check_titles()
            self.uploads = {}
            if len(self.made) > 20000:  # a fresh start, so that checks stay quick
                self.server.studies().DeleteStudy(study_pb.DeleteStudyRequest(name="studies/runs"), timeout=60)
                self.server.studies().CreateStudy(study_pb.CreateStudyRequest(study_id="runs"), timeout=60)
                self.runs_checked += len(self.made)
                self.made, self.gone, self.maybe_gone, self.maybe = {}, {}, set(), set()
        self.runs_checked += len(self.made)
        return checked


def try_one(program, seed, seconds, kill_every):
    """(violation or None, what was done)."""
    with tempfile.TemporaryDirectory(prefix="sextant-history-") as folder:
        server = Server(folder, program)
        history = History(server, str(seed), seconds)
        violation, checked = None, 0
        try:
            checked = history.run(kill_every)
        except Violation as found:
            violation = str(found)
        finally:
            server.stop()
        done = (f"{history.operations} operations, {server.kills} kills, {history.runs_checked or len(history.made)} runs in the model, "
                f"{checked} calls of titles linearizable")
        return violation, done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--kill-every", type=float, default=3)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEXTANT_TEST_SEED", 0)) or int(time.time()))
    parser.add_argument("--server", nargs="+", help="another program, called with DATABASE and PORT_FILE")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}: {arguments.seconds:.0f} s, a kill about every {arguments.kill_every:.0f} s", flush=True)
    violation, done = try_one(arguments.server, arguments.seed, arguments.seconds, arguments.kill_every)
    print(done, flush=True)
    if violation:
        print(f"VIOLATION (--seed {arguments.seed}): {violation}")
        return 1
    print("no violation")
    if arguments.server or service_process.on_postgres():  # the bugs are planted in files
        return 0
    missed = 0
    for bug in ("ack-before-commit", "double-apply"):
        violation, done = try_one([str(binaries() / "planted_bug_server"), bug], arguments.seed, 60, 1)
        print(f"planted bug {bug}: {'found: ' + violation[:200] if violation else 'MISSED'} ({done})", flush=True)
        missed += violation is None
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
