# SPDX-License-Identifier: Apache-2.0
"""runs import, list, show, curve."""
import json
import os
import resource
import subprocess
import time

import cli_support
from cli_support import CliTest

HEADER = "run_id,params_non_embedding,tokens,learning_rate,loss_nats\n"


class ImportTest(CliTest):
    def setUp(self):
        super().setUp()
        self.run_cli("studies", "create", "s")

    def import_json(self, *args, **kwargs):
        return self.run_json("runs", "import", *args, "--study", "s", **kwargs)

    def test_counts_and_runs(self):
        path = self.write("r.csv", HEADER + "a,1e6,2e7,0.001,3.5\nb,1e6,4e7,0.002,nan\n")
        self.assertEqual(self.import_json(path), {"accepted": 2, "duplicate": 0, "rejected": 0, "rejects": []})
        runs = self.run_json("runs", "list", "--study", "s")
        self.assertEqual([r["name"] for r in runs], ["studies/s/runs/a", "studies/s/runs/b"])
        self.assertEqual(runs[0]["params_non_embedding"], 1e6)
        self.assertEqual(runs[0]["state"], "FINISHED")
        self.assertNotIn("batch_size_tokens", runs[0], "what is not known is absent")
        self.assertEqual(runs[1]["state"], "DIVERGED")
        self.assertEqual(self.run_json("runs", "show", "s/a"), runs[0])
        self.assertEqual(self.run_json("runs", "show", "a", "--study", "s"), runs[0])

    def test_importing_again_adds_nothing_and_says_so(self):
        path = self.write("r.csv", HEADER + "a,1e6,2e7,0.001,3.5\nb,1e6,4e7,0.002,3.4\n")
        self.import_json(path)
        out, err = self.run_cli("-o", "json", "runs", "import", path, "--study", "s")
        self.assertEqual(json.loads(out), {"accepted": 0, "duplicate": 2, "rejected": 0, "rejects": []})
        self.assertIn("nothing added", err)
        self.assertEqual(self.run_json("studies", "show", "s")["run_count"], 2)

    def test_rows_without_id_are_identified_by_their_mapped_values(self):
        maps = ["--map", "params_non_embedding=N", "--map", "tokens=D", "--map", "loss_nats=L"]
        first = self.write("r.csv", "N,D,L,host\n1e6,2e7,3.5,x\n1e6,2e7,3.6,x\n")
        self.assertEqual(self.import_json(first, *maps)["accepted"], 2)
        again = self.write("r2.csv", "host,L,N,D\ny,3.5,1000000,2e7\n")
        self.assertEqual(self.import_json(again, *maps)["duplicate"], 1)

    def test_rejects_have_source_line_and_reason(self):
        path = self.write("r.csv", HEADER + "a,1e6,2e7,0.001,3.5\nb,-1,2e7,0.001,3.5\nc,1e6,,0.001,3.5\n")
        result = self.import_json(path)
        self.assertEqual((result["accepted"], result["rejected"]), (1, 2))
        self.assertEqual([(r["source"], r["line"]) for r in result["rejects"]], [(str(path), 3), (str(path), 4)])
        self.assertIn("negative", result["rejects"][0]["reason"])
        out, _ = self.run_cli("runs", "import", path, "--study", "s")
        self.assertIn(f"{path}:3", out)

    def test_strict_exits_3_and_keeps_the_good_rows(self):
        path = self.write("r.csv", HEADER + "a,1e6,2e7,0.001,3.5\nb,0,2e7,0.001,3.5\n")
        self.assertEqual(self.import_json(path, "--strict", code=3)["accepted"], 1)
        self.assertEqual(self.run_json("studies", "show", "s")["run_count"], 1)

    def test_nothing_accepted_exits_1(self):
        path = self.write("r.csv", HEADER + "b,0,2e7,0.001,3.5\n")
        self.assertEqual(self.import_json(path, code=1)["rejected"], 1)
        self.import_json(self.write("empty.csv", HEADER), code=1)

    def test_a_study_that_is_not_there(self):
        path = self.write("r.csv", HEADER + "a,1e6,2e7,0.001,3.5\n")
        _, err = self.run_cli("runs", "import", path, "--study", "other", code=64 + 5)
        self.assertIn("sextant studies create other", err)
        self.run_cli("runs", "import", path, "--study", "other", "--create-study")
        self.assertEqual(self.run_json("studies", "show", "other")["run_count"], 1)

    def test_files_that_cannot_be_read_exit_1(self):
        binary = self.folder / "x.bin"
        binary.write_bytes(b"\x7fELF\0\0\0")
        for path in ["absent.csv", binary, self.folder]:
            with self.subTest(path=path):
                _, err = self.run_cli("runs", "import", path, "--study", "s", code=1)
                self.assertIn("error: ", err)

    def test_a_mapping_that_does_not_fit_exits_1_and_stores_nothing(self):
        path = self.write("r.csv", "N,D\n1,2\n")
        _, err = self.run_cli("runs", "import", path, "--study", "s", "--map", "tokens=DD", "--map", "params_total=N", code=1)
        self.assertIn("did you mean 'D'?", err)
        _, err = self.run_cli("runs", "import", path, "--study", "s", code=1)
        self.assertIn("--map tokens=COLUMN", err)
        self.assertEqual(self.run_json("studies", "show", "s")["run_count"], 0)

    def test_event_files_named_one_by_one_are_the_run_of_their_folder(self):
        events = cli_support.SOURCE / "tests/clients/importers/golden/tensorboard/resumed"
        given = ["--set", "params_non_embedding=1e6", "--set", "batch_size_tokens=1000"]
        result = self.import_json(*sorted(events.iterdir(), reverse=True), *given)
        self.assertEqual((result["accepted"], result["rejected"]), (1, 0))
        self.assertEqual(self.import_json(events, *given)["duplicate"], 1, "as the folder")

    def test_a_curve_of_no_run_says_how_runs_get_their_ids(self):
        runs = self.write("r.csv", "name,N,D\na,1e6,2e7\n")
        curves = self.write("c.csv", "run_id,step,train_loss\na,1,5.5\n")
        maps = ["--map", "params_non_embedding=N", "--map", "tokens=D"]
        reason = self.import_json(runs, "--curves", curves, *maps)["rejects"][0]["reason"]
        self.assertIn("--map run_id=COLUMN", reason)
        self.assertEqual(self.import_json(runs, "--curves", curves, *maps, "--map", "run_id=name")["rejects"], [])

    def test_half_a_line_from_a_pipe_is_a_reject(self):
        given = ["--format", "llmc-log", "--set", "params_non_embedding=1e6", "--set", "batch_size_tokens=1000"]
        out, _ = self.run_cli("-o", "json", "runs", "import", "-", "--study", "s", *given, stdin="s:0 trl:11.0\ns:1 trl:3.1")
        result = json.loads(out)
        self.assertEqual((result["accepted"], result["rejected"], result["rejects"][0]["line"]), (1, 1, 2))
        self.assertIn("half written", result["rejects"][0]["reason"])

    def test_standard_input(self):
        out, _ = self.run_cli("-o", "json", "runs", "import", "-", "--study", "s", stdin=HEADER + "a,1e6,2e7,0.001,3.5\n")
        self.assertEqual(json.loads(out)["accepted"], 1)
        self.assertEqual(self.run_json("runs", "show", "s/a")["source"], "stdin:2")

    def test_curves_come_along(self):
        runs = self.write("r.csv", HEADER + "a,1e6,2e7,0.001,3.5\nb,1e6,2e7,0.002,3.5\n")
        curves = self.write("c.csv", "run_id,step,tokens,train_loss_nats\na,1,100,5.5\na,2,200,5.25\nz,1,1,1\n")
        result = self.import_json(runs, "--curves", curves)
        self.assertEqual((result["accepted"], result["rejected"]), (2, 1))
        self.assertEqual(self.run_cli("runs", "curve", "s/a", "-o", "csv")[0], "step,tokens,train_loss\n1,100,5.5\n2,200,5.25\n")
        self.assertEqual(self.run_json("runs", "show", "s/a")["curve_point_count"], 2)
        curve = self.run_json("runs", "curve", "s/a")
        self.assertEqual(curve["train_loss"], [5.5, 5.25])

    def test_a_curve_longer_than_a_message_comes_in_parts(self):
        points = 70_000
        runs = self.write("runs.csv", "run_id,params_non_embedding,tokens,loss_nats\nlong,1e6,7e7,3\n")
        curves = self.write("curves.csv", "run_id,step,tokens,train_loss\n" + "".join(
            f"long,{step},{step * 1000},{3 + 4 / step}\n" for step in range(1, points + 1)))
        arguments = ("runs", "import", runs, "--curves", curves, "--study", "s", "--create-study")
        self.assertEqual(self.run_json(*arguments)["accepted"], 1)
        self.assertEqual(self.run_json(*arguments)["duplicate"], 1)
        out, _ = self.run_cli("runs", "curve", "long", "--study", "s", "-o", "csv")
        lines = out.splitlines()
        self.assertEqual(len(lines), points + 1)
        self.assertTrue(lines[-1].startswith("70000,7e+07,3.00005"), lines[-1])

    def test_a_training_log_takes_what_it_lacks_from_flags(self):
        log = self.write("main.log", "s:0 tel:11.0\ns:0 trl:11.0 lr:0.000300 norm:1.0\ns:1 tel:9.5\n")
        given = ["--set", "params_non_embedding=124M", "--set", "batch_size_tokens=2^19"]
        self.assertEqual(self.import_json(log, *given)["accepted"], 1)
        run = self.run_json("runs", "list", "--study", "s")[0]
        self.assertEqual(run["params_non_embedding"], 124e6)
        self.assertEqual(run["tokens"], 2**19)
        self.assertEqual(run["loss_nats"], 9.5)
        self.assertEqual(self.run_cli("runs", "curve", run["name"], "-o", "csv")[0],
                         "step,tokens,train_loss,validation_loss,learning_rate\n0,0,,11,\n1,524288,11,9.5,0.0003\n")
        self.assertEqual(self.import_json(log, *given)["duplicate"], 1)
        moved = self.import_json(log, *given, "--metric", "trl=ignore", "--step-offset", 5, "--set", "run_id=moved")
        self.assertEqual(moved["accepted"], 1)
        self.assertEqual(self.run_json("runs", "curve", "s/moved")["step"], ["5", "6"])
        for wrong in (["--set", "nope=1"], ["--metric", "x=nope"], ["--step-offset", "x"], ["--format", "nope"]):
            self.run_cli("runs", "import", log, "--study", "s", *wrong, code=2)

    # Logs of runs in training, a line a step: at line n, and what stands before the first.
    GROWING = {
        "main.log": ("", lambda n: f"s:{n} tel:{9 - n / 100:.4f}\n" if n % 5 == 0 else
                     f"s:{n - 1} trl:{9 - n / 90:.4f} lr:{min(n, 12) / 1e4:.6f} norm:1.00\n"),
        "out.txt": ("| total batch size      | 1000     |\n", lambda n:
                    f"val loss {9 - n / 100:.6f}\n" if n % 5 == 0 else
                    f"step {n:4}/90 | loss {9 - n / 90:.6f} (+0.1z)| norm 1.0 (+0.1z)| lr {min(n, 12) / 1e4:.2e} | 9 ms | 9 tok/s\n"),
        "nanogpt.txt": ("tokens per iteration will be: 1,000\nOverriding: learning_rate = 6e-4\n", lambda n:
                        f"step {n}: train loss 5.0, val loss {9 - n / 100:.4f}\n" if n % 5 == 0 else
                        f"iter {n - 1}: loss {9 - n / 90:.4f}, time 9.00ms, mfu 9.00%\n"),
        "megatron.txt": ("  seq_length ............ 100\n", lambda n:
                         f" validation loss at iteration {n - 1} | lm loss value: {9 - n / 100:E} | lm loss PPL: 9 |\n" if n % 5 == 0 else
                         f" iteration {n}/ 90 | consumed samples: {n * 10} | learning rate: {min(n, 12) / 1e4:E} | "
                         f"global batch size: 10 | lm loss: {9 - n / 90:E} |\n"),
        "history.jsonl": ("", lambda n: json.dumps(
            {"_step": n, "tokens": 1000 * n, "train/loss": 9 - n / 90} if n % 5 else {"_step": n, "eval/loss": 9 - n / 100}) + "\n"),
        "metrics.csv": ("step,tokens,train_loss,val_loss\n", lambda n:
                        f"{n},,,{9 - n / 100}\n" if n % 5 == 0 else f"{n},{n * 1000},{9 - n / 90},\n"),
    }

    def test_a_log_that_has_grown_extends_its_run(self):
        given = ["--set", "params_non_embedding=1e6", "--set", "batch_size_tokens=1000"]
        modes = {"local": self.where, "server": ["--server", self.start_server()]}
        for mode, where in modes.items():
            self.run_cli("studies", "create", "growing", where=where)
            for name, (head, line) in self.GROWING.items():
                with self.subTest(mode=mode, log=name):
                    path = f"{mode}/{name}"
                    log = [head] + [line(n) for n in range(1, 31)]
                    arguments = ("runs", "import", self.folder / path, "--study", "growing", *given)
                    # Cut within a line, between the lines of one step, and during the warm-up.
                    for lines, half in ((4, 4), (5, 0), (11, 9), (30, 0)):
                        self.write(path, "".join(log[:lines + 1]) + (log[lines + 1][:half] if half else ""))
                        result = self.run_json(*arguments, where=where)
                        self.assertEqual((result["accepted"], result["duplicate"]), (1, 0), f"{lines} lines: {result}")
                    self.assertEqual(self.run_json(*arguments, where=where)["duplicate"], 1)
                    grown = self.run_json("runs", "list", "--study", "growing", "--filter", f"source:{path}", where=where)
                    self.assertEqual(len(grown), 1, grown)
                    self.run_cli("runs", "import", self.folder / path, "--study", f"whole-{mode}", "--create-study",
                                 *given, where=where)
                    at_once = self.run_json("runs", "list", "--study", f"whole-{mode}", "--filter", f"source:{path}", where=where)
                    for run in grown + at_once:
                        for own in ("name", "create_time", "update_time"):
                            del run[own]
                    self.assertEqual(grown, at_once)
                    self.write(path, "".join(log[:4]))
                    self.assertEqual(self.run_json(*arguments, where=where, code=None)["accepted"], 0, "an earlier state")
                    self.write(path, "".join(log[:20]) + log[20].replace("8.", "7.") + "".join(log[21:]))
                    refused = self.run_json(*arguments, where=where, code=1)
                    self.assertEqual(refused["rejected"], 1)
                    self.assertIn("other content", refused["rejects"][0]["reason"])

    def test_a_log_longer_than_a_message_that_has_grown_extends_its_run(self):
        given = ["--set", "params_non_embedding=1e6", "--set", "batch_size_tokens=1000"]
        lines = [f"s:{n} trl:{3 + 4 / (n + 1):.4f} lr:0.000600 norm:1.00\n" for n in range(100_000)]
        log = self.folder / "long.log"
        arguments = ("runs", "import", log, "--study", "s", *given)
        for points in (20_000, 45_000, 100_000):
            self.write("long.log", "".join(lines[:points]))
            self.assertEqual(self.import_json(log, *given), {"accepted": 1, "duplicate": 0, "rejected": 0, "rejects": []})
            run, = self.run_json("runs", "list", "--study", "s")
            self.assertEqual((run["curve_point_count"], run["steps"], run["tokens"]), (points, points, points * 1000))
            self.assertEqual(self.run_json(*arguments)["duplicate"], 1)
        self.write("long.log", "".join(lines[:50_000]) + lines[50_000].replace(" lr:0.0006", " lr:0.0005") + "".join(lines[50_001:]))
        self.assertEqual(self.import_json(log, *given, code=1)["rejected"], 1)
        self.write("long.log", "".join(lines) + "s:100000 trl:2.0 lr:0.000600 norm:1.00\n")
        other = ["--set", "params_non_embedding=2e6", "--set", "batch_size_tokens=1000"]
        self.assertEqual(self.import_json(log, *other, code=1)["rejected"], 1)
        self.assertEqual(self.import_json(log, *given)["accepted"], 1)

    def test_a_listing_can_be_imported_elsewhere(self):
        path = self.write("r.csv", HEADER + "a,1e6,2e7,0.001,3.5\nb,1e6,4e7,0.002,inf\n")
        self.import_json(path)
        lines = self.write("r.jsonl", self.run_cli("runs", "list", "--study", "s", "-o", "jsonl")[0])
        self.run_cli("runs", "import", lines, "--study", "t", "--create-study")

        def values(study):
            own = ("name", "source", "create_time", "update_time")
            return [{k: v for k, v in run.items() if k not in own} for run in self.run_json("runs", "list", "--study", study)]

        self.assertEqual(values("s"), values("t"))

    def test_folders_patterns_and_lists_of_files(self):
        given = ["--set", "params_non_embedding=1e6", "--set", "batch_size_tokens=1000"]
        for name in ("a", "b"):
            self.write(f"exp/{name}/main.log", f"s:0 trl:1{len(name)} lr:0.001\ns:9 trl:5.{ord(name)} lr:0.001\n")
        self.write("exp/README", "nothing to read\n")
        out, err = self.run_cli("-o", "json", "runs", "import", self.folder / "exp", "--study", "s", *given)
        self.assertEqual(json.loads(out), {"accepted": 2, "duplicate": 0, "rejected": 0, "rejects": []})
        self.assertIn("exp/a/main.log: llmc-log", err)
        self.assertIn("1 files and folders were passed over", err)
        self.assertEqual(self.import_json(self.folder / "exp/.", *given)["duplicate"], 2)
        self.run_cli("runs", "import", f"{self.folder}/exp/*/main.log", "--study", "globbed", "--create-study", *given)
        self.assertEqual(self.run_json("studies", "show", "globbed")["run_count"], 2)
        names = f"{self.folder}/exp/a/main.log\n{self.folder}/absent.log\n"
        listed = ["runs", "import", "--files-from", "-", "--study", "listed", "--create-study", *given]
        out, _ = self.run_cli("-o", "json", *listed, stdin=names)
        self.assertEqual((json.loads(out)["accepted"], json.loads(out)["rejected"]), (1, 1))
        self.assertIn("No such file", json.loads(out)["rejects"][0]["reason"])
        self.run_cli("-o", "json", *listed, "--strict", stdin=names, code=3)
        self.run_cli("runs", "import", "--study", "s", code=2)
        self.run_cli("runs", "import", "-", "-", "--study", "s", code=2)
        self.run_cli("runs", "import", f"{self.folder}/*.nothing", "--study", "s", code=1)

    def test_every_golden_folder_imports_and_shows_its_curves(self):
        golden = cli_support.SOURCE / "tests/clients/importers/golden"
        given = ["--set", "params_non_embedding=1e6", "--set", "batch_size_tokens=1000", "--set", "sequence_length=100"]
        steps = {"keras-csv", "keras-tensorboard", "dvclive"}
        bits = {"autoresearch", "nanochat"}
        for folder in sorted(path for path in golden.iterdir() if path.is_dir()):
            with self.subTest(format=folder.name):
                more = ["--set", "tokens=1e6"] if folder.name in ("optuna", "autoresearch") else []
                more += ["--set", "steps=100"] if folder.name in steps else []
                study = folder.name
                unit = ["--loss-unit", "bits-per-byte"] if folder.name in bits else []
                self.run_cli("studies", "create", study, *unit)
                result = self.run_json("runs", "import", folder, "--study", study, *given, *more)
                self.assertGreater(result["accepted"], 0)
                for run in self.run_json("runs", "list", "--study", study):
                    if run.get("curve_point_count", 0) > 0:
                        self.assertGreater(len(self.run_json("runs", "curve", run["name"])["step"]), 0)

    def test_explain_stores_nothing_and_its_recipe_imports_the_same(self):
        log = self.write("log.jsonl", '{"step": 1, "my/val_loss": 3.5, "loss": 4.0, "config": {"optimizer": {"lr": 0.01}}}\n'
                                      '{"step": 2, "my/val_loss": 3.25, "loss": 3.75}\n')
        recipe = self.folder / "mine.recipe"
        told = self.run_json("runs", "import", "--explain", log, "--write-recipe", recipe)["files"][0]
        self.assertEqual((told["format"], told["lines"], told["lines_understood"]), ("history-jsonl", 2, 2))
        names = {metric["name"]: (metric["quantity"], metric["points"]) for metric in told["metrics"]}
        self.assertEqual(names, {"loss": ("train_loss", 2), "my/val_loss": ("", 2)})
        self.assertEqual(told["suggestions"], ["metric my/val_loss=validation_loss", "map learning_rate=optimizer.lr"])
        self.assertEqual(self.run_json("runs", "list", "--study", "s"), [])
        text = recipe.read_text()
        self.assertIn("\nmetric loss=train_loss\n", text)
        recipe.write_text(text.replace("# to take more: ", "") + "set params_non_embedding=1e6\nset batch_size_tokens=1000\n")
        self.import_json(log, "--recipe", recipe)
        (run,) = self.run_json("runs", "list", "--study", "s")
        self.assertEqual((run["loss_nats"], run["learning_rate"]), (3.25, 0.01))
        recipe.write_text("nonsense here\n")
        _, err = self.run_cli("runs", "import", log, "--study", "s", "--recipe", recipe, code=1)
        self.assertIn("line 1", err)
        self.run_cli("runs", "import", log, code=2)

    def test_fits_leave_unfinished_runs_out_unless_asked(self):
        rows = ["run_id,params_non_embedding,tokens,learning_rate,loss_nats,state"]
        for i, n in enumerate((1e6, 4e6, 16e6, 64e6)):
            for j, d in enumerate((2e7, 8e7, 32e7, 128e7)):
                loss = 1.7 + 400 / n**0.34 + 410 / d**0.28
                rows.append(f"r{i}{j},{n},{d},0.001,{loss},{'running' if i == j else 'finished'}")
        self.import_json(self.write("r.csv", "\n".join(rows) + "\n"))
        fit = ["fits", "create", "--study", "s", "--law", "loss-chinchilla", "--bootstrap", "0"]
        left_out = self.run_json(*fit)
        self.assertEqual(left_out["runs_used"], 12)
        self.assertTrue(any("4 runs are left out" in warning for warning in left_out["warnings"]), left_out["warnings"])
        taken = self.run_json(*fit, "--where", "state = RUNNING OR state = FINISHED")
        self.assertEqual(taken["runs_used"], 16)
        self.assertFalse(any("left out because they are RUNNING" in warning for warning in taken["warnings"]))

    def test_list_filters_orders_and_limits(self):
        self.import_json(self.write("r.csv", HEADER + "".join(f"r{i},1e6,{i + 1}e7,0.001,{4 - 0.1 * i}\n" for i in range(9))))
        listed = self.run_json("runs", "list", "--study", "s", "--filter", "tokens > 3e7", "--order-by", "loss_nats", "--limit", 2)
        self.assertEqual([r["name"][-2:] for r in listed], ["r8", "r7"])
        _, err = self.run_cli("runs", "list", "--study", "s", "--filter", "tokns > 3", code=64 + 3)
        self.assertIn("tokns", err)

    def test_a_table_can_be_cut_off_by_its_reader(self):
        rows = "".join(f"r{i},1e6,2e7,0.001,3.5\n" for i in range(3000))
        self.import_json(self.write("r.csv", HEADER + rows))
        command = [str(cli_support.BIN / "sextant"), *self.where, "runs", "list", "--study", "s"]
        reader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env)
        reader.stdout.readline()
        reader.stdout.close()
        self.assertEqual(reader.stderr.read(), b"")
        reader.stderr.close()
        reader.wait(60)

    def test_a_huge_line_is_refused_in_little_memory(self):
        path = self.folder / "huge.csv"
        with open(path, "w") as file:
            file.write(HEADER + "a,1e6,2e7,0.001,3.5\n")
            for _ in range(256):
                file.write("9" * (1 << 20))
            file.write("\nb,1e6,2e7,0.001,3.5\n")
        limit = 4 << 30  # of address space: gRPC's threads reserve much more than they use

        result = subprocess.run(
            [str(cli_support.BIN / "sextant"), *self.where, "-o", "json", "runs", "import", str(path), "--study", "s"],
            capture_output=True, text=True, env=self.env, timeout=120,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
        self.assertEqual(result.returncode, 0, result.stderr)
        counts = json.loads(result.stdout)
        self.assertEqual((counts["accepted"], counts["rejected"]), (2, 1))
        self.assertEqual(counts["rejects"][0]["line"], 3)
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, 250_000, "KiB at most")

    def test_the_step_law_table_imports_fast(self):
        path = cli_support.SOURCE.parent / "shared/data/steplaw-dense/runs.csv"
        if not path.exists():
            self.skipTest(f"{path} is not there")
        maps = "learning_rate=lr batch_size_tokens=batch_tokens params_non_embedding=N tokens=D loss_nats=smooth_loss"
        args = [arg for m in maps.split() for arg in ("--map", m)]
        before = os.times()
        start = time.monotonic()
        self.assertEqual(self.import_json(path, *args)["accepted"], 1746)
        wall = time.monotonic() - start
        after = os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        print(f"1746 runs imported in {wall:.2f} s, {cpu:.2f} s of CPU")
        self.assertLess(cpu, 1.0)
        self.assertEqual(self.import_json(path, *args)["duplicate"], 1746)


if __name__ == "__main__":
    cli_support.main()
