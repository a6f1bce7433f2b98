# SPDX-License-Identifier: Apache-2.0
"""Variables and objectives of a study go through import, store, filter, order, listings, exports and fits."""
import csv
import io
import json

import cli_support
from cli_support import CliTest

MIXES = """id,ratio,unique,err,lr,loss
a,0.1,1e9,0.50,1e-3,3.1
b,0.3,2e9,0.40,2e-3,2.9
c,0.7,3e9,0.25,,2.7
"""
DECLARE = ["--variable", "r:share:share of code", "--variable", "U:tokens", "--objective", "error_rate::min:0:1"]
MAP = [flag for pair in ("run_id=id", "r=ratio", "U=unique", "error_rate=err", "loss_nats=loss") for flag in ("--map", pair)]


class VariablesTest(CliTest):
    def imported(self, study="mixes"):
        self.run_cli("studies", "create", study, *DECLARE)
        path = self.write("mixes.csv", MIXES)
        out = self.run_json("runs", "import", path, "--study", study, *MAP)
        self.assertEqual((out["accepted"], out["rejected"]), (3, 0), out)

    def ids(self, *args):
        return [run["name"].rsplit("/", 1)[1] for run in self.run_json("runs", "list", "--study", "mixes", *args)]

    def test_a_study_without_n_and_d_imports_filters_orders_and_shows(self):
        self.imported()
        study = self.run_json("studies", "show", "mixes")
        self.assertEqual([v["name"] for v in study["variables"]], ["r", "U"])
        self.assertEqual(study["objectives"][0]["direction"], "MINIMIZE")
        self.assertEqual(study["objectives"][0]["ceiling"], 1)
        self.assertEqual(self.ids("--filter", "r > 0.2"), ["b", "c"])
        self.assertEqual(self.ids("--filter", "error_rate <= 0.4 AND NOT r = 0.3"), ["c"])
        self.assertEqual(self.ids("--filter", "variables.U:*", "--order-by", "error_rate"), ["c", "b", "a"])
        self.assertEqual(self.ids("--order-by", "r desc"), ["c", "b", "a"])
        run = self.run_json("runs", "show", "mixes/b")
        self.assertEqual(run["variables"], {"U": 2e9, "error_rate": 0.4, "r": 0.3})
        rows = list(csv.DictReader(io.StringIO(self.run_cli("-o", "csv", "--fields", "name,r,error_rate", "runs", "list",
                                                            "--study", "mixes")[0])))
        self.assertEqual([row["r"] for row in rows], ["0.1", "0.3", "0.7"])
        fields = self.run_json("--fields", "r", "runs", "list", "--study", "mixes")
        self.assertEqual(fields, [{"r": 0.1}, {"r": 0.3}, {"r": 0.7}])
        self.assertIn("0.7", self.run_cli("runs", "list", "--study", "mixes")[0])

    def test_every_export_comes_back_the_same(self):
        self.imported()
        runs = self.run_json("--fields", "run_id,variables,loss_nats", "runs", "list", "--study", "mixes")
        self.run_cli("studies", "export", "mixes", "--out", "mixes.db")
        self.run_cli("studies", "import", "mixes.db", "--id", "from-file")
        lines = self.write("mixes.jsonl", self.run_cli("studies", "export", "mixes", "--format", "jsonl", "--out", "-")[0])
        self.run_cli("runs", "import", lines, "--study", "from-lines", "--create-study", *DECLARE)
        self.run_cli("studies", "export", "mixes", "--format", "csv", "--out", "folder")
        self.run_cli("runs", "import", "folder/runs.csv", "--study", "from-csv", "--create-study", *DECLARE)
        # The exports say what the study declares, also to a study that is there and through a pipe.
        self.run_cli("studies", "export", "mixes", "--format", "jsonl", "--out", "alone.jsonl")
        self.run_cli("runs", "import", "alone.jsonl", "--study", "lines-alone", "--create-study")
        self.run_cli("runs", "import", "-", "--study", "piped", "--create-study",
                     stdin=(self.folder / "alone.jsonl").read_text())
        self.run_cli("runs", "import", "folder/runs.csv", "--study", "csv-alone", "--create-study")
        self.run_cli("studies", "create", "there", "--variable", "r:share:share of code")
        self.run_cli("runs", "import", "folder/runs.csv", "--study", "there")
        declared = self.run_json("--fields", "param_count,loss_unit,variables,objectives", "studies", "show", "mixes")
        for study in ("lines-alone", "piped", "csv-alone", "there"):
            with self.subTest(study):
                self.assertEqual(self.run_json("--fields", "param_count,loss_unit,variables,objectives", "studies", "show",
                                               study), declared)
        self.run_cli("studies", "create", "bytes", "--loss-unit", "nats-per-byte")
        _, error = self.run_cli("runs", "import", "alone.jsonl", "--study", "bytes", code=1)
        self.assertIn("nats-per-byte", error)
        for study in ("from-file", "from-lines", "from-csv", "lines-alone", "piped", "csv-alone", "there"):
            with self.subTest(study):
                self.assertEqual(self.run_json("--fields", "run_id,variables,loss_nats", "runs", "list", "--study", study),
                                 runs)
        self.assertEqual(self.run_json("studies", "show", "from-file")["objectives"],
                         self.run_json("studies", "show", "mixes")["objectives"])

    def test_every_filter_knows_what_the_study_declares(self):
        self.run_cli("studies", "create", "s", "--variable", "r:share")
        rows = ["run_id,params_non_embedding,tokens,learning_rate,batch_size_tokens,loss_nats,r"]
        for i, n in enumerate((2e7, 4e7, 8e7, 1.6e8, 3.2e8)):
            for d in (20 * n, 60 * n):
                for r in (0.1, 0.9):
                    loss = (1.7 + 400 / n ** 0.34 + 410 / d ** 0.28) * (1 + 0.05 * r + 1e-4 * ((i * 7) % 3))
                    rows.append(f"{i}-{d:g}-{r},{n!r},{d!r},1e-3,65536,{loss!r},{r}")
        self.run_cli("runs", "import", self.write("s.csv", "\n".join(rows) + "\n"), "--study", "s")
        out = self.run_json("studies", "compare", "s", "s", "--baseline-where", "r > 0.5", "--candidate-where", "r < 0.5")
        self.assertGreater(out["compute_multiplier"]["value"], 1)
        _, error = self.run_cli("studies", "compare", "s", "s", "--baseline-where", "nosuch > 1", code=64 + 3)
        self.assertIn("baseline_filter", error)
        self.run_cli("suggest", "--study", "s", "--target-params", "1e9", "--target-tokens", "2e10", "--budget-flops", "1e18",
                     "--where", "r < 0.5")
        self.run_cli("fits", "create", "--study", "s", "--law", "loss-chinchilla", "--where", "r < 0.5", "--bootstrap", "0",
                     "--id", "low")
        self.run_cli("fits", "floor", "s/low", "--params", "1e9", "--tokens", "2e10")
        self.run_cli("runs", "exclude", "--study", "s", "--filter", "r = 0.9", "--reason", "mixed")
        self.run_cli("runs", "delete", "--study", "s", "--filter", "r > 0.5", "--yes")
        self.assertEqual(len(self.run_json("runs", "list", "--study", "s")), 10)
        _, error = self.run_cli("runs", "delete", "--study", "s", "--filter", "nosuch > 0.5", "--yes", code=64 + 3)
        self.assertIn("nosuch", error)

    def test_declarations_grow_and_never_change(self):
        self.imported()
        self.run_cli("studies", "declare", "mixes", "--variable", "P:bits")
        self.run_cli("studies", "declare", "mixes", "--variable", "P:bits")
        _, wrong = self.run_cli("studies", "declare", "mixes", "--variable", "U:bytes", code=64 + 3)
        self.assertIn("tokens", wrong)
        self.run_cli("studies", "declare", "mixes", "--objective", "U:tokens:min", code=64 + 3)
        path = self.write("more.csv", "id,bits\nd,4\n")
        self.run_cli("runs", "import", path, "--study", "mixes", "--map", "run_id=id", "--map", "P=bits")
        self.assertEqual(self.run_json("runs", "show", "mixes/d")["variables"], {"P": 4})
        self.assertEqual(self.run_json("runs", "show", "mixes/a")["variables"]["r"], 0.1)

    def test_hostile_declarations_are_refused(self):
        for name in ("tokens", "lr", "loss_nats", "N", "2r", "a b", "r-1", "x" * 64, "'; DROP TABLE runs; --", ""):
            with self.subTest(name):
                _, error = self.run_cli("studies", "create", "h", "--variable", name + ":unit", code=64 + 3)
                self.assertIn("variables", error)
        many = [flag for i in range(10_000) for flag in ("--variable", f"v{i}:u")]
        _, error = self.run_cli("studies", "create", "h", *many, code=64 + 3)
        self.assertIn("64", error)
        self.run_cli("studies", "create", "h", "--variable", "r:share", "--objective", "r::min", code=64 + 3)
        self.run_cli("studies", "create", "h", "--objective", "e::min:1:0", code=64 + 3)
        self.run_cli("studies", "create", "h", "--objective", "e::sideways", code=2)
        self.assertEqual(self.run_json("studies", "list")[-1]["name"], "studies/published")

    def test_hostile_values_are_refused_and_the_rest_is_kept(self):
        self.run_cli("studies", "create", "mixes", *DECLARE)
        path = self.write("odd.csv", "id,ratio,err\na,nan,0.5\nb,inf,0.5\nc,x,0.5\nd,0.2,1.5\ne,0.2,0.5\nf,,0.5\n")
        out = self.run_json("runs", "import", path, "--study", "mixes", "--map", "run_id=id", "--map", "r=ratio", "--map",
                            "error_rate=err")
        self.assertEqual((out["accepted"], out["rejected"]), (1, 5), out)
        reasons = " ".join(reject["reason"] for reject in out["rejects"])
        for part in ("r is not finite", "r is not a number", "ceiling", "r is missing"):
            self.assertIn(part, reasons)
        lines = self.write("odd.jsonl", json.dumps({"run_id": "g", "variables": {"nosuch": 1}}) + "\n")
        out = self.run_json("runs", "import", lines, "--study", "mixes", code=1)
        self.assertIn("nosuch", out["rejects"][0]["reason"])
        _, error = self.run_cli("runs", "import", path, "--study", "mixes", "--map", "rr=ratio", code=2)
        self.assertIn("did you mean", error)

    def test_a_study_that_declares_nothing_still_needs_n_and_d(self):
        self.run_cli("studies", "create", "plain")
        path = self.write("mixes.csv", MIXES)
        _, error = self.run_cli("runs", "import", path, "--study", "plain", "--map", "run_id=id", "--map", "loss_nats=loss",
                                code=1)
        self.assertIn("params_non_embedding", error)


if __name__ == "__main__":
    cli_support.main()
