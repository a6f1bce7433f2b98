# SPDX-License-Identifier: Apache-2.0
"""Studies into files and back: nothing is lost on the way."""
import json
import pathlib

import cli_support
from cli_support import CliTest

RUNS = """\
{"run_id":"a","params_non_embedding":1e6,"tokens":2e7,"learning_rate":0.001,"batch_size_tokens":4096,"loss_nats":3.25,\
"schedule":"cosine","optimizer":"adamw","seed":7,"tags":{"who":"x, \\"y\\"","k 2":"v"},"labels":["odd"],\
"curve":{"step":[1,2,3],"tokens":[4096,8192,12288],"train_loss":[5.1,null,4.2],"validation_loss":["NaN",4.4,4.3]}}
{"run_id":"b","params_non_embedding":1e6,"tokens":2e7,"learning_rate":0.002,"batch_size_tokens":4096,"loss_nats":"NaN"}
{"run_id":"c","params_non_embedding":1e6,"tokens":2e7,"learning_rate":0.1,"loss_nats":"Infinity",\
"curve":{"step":[10],"train_loss":[9.5]}}
{"run_id":"d","params_non_embedding":1e6,"tokens":2e7,"state":"RUNNING"}
"""


class ExportTest(CliTest):
    def everything(self, study):
        """Every run with its curve, without what the service fills in."""
        out, _ = self.run_cli("studies", "export", study, "--format", "jsonl", "--out", "-")
        runs = [json.loads(line) for line in out.splitlines()]
        for run in runs:
            for key in ("create_time", "update_time", "source"):
                run.pop(key)
        return runs

    def test_json_lines_and_csv_come_back_as_they_were(self):
        self.run_cli("runs", "import", self.write("runs.jsonl", RUNS), "--study", "s", "--create-study")
        before = self.everything("s")
        self.assertEqual([run["state"] for run in before], ["FINISHED", "DIVERGED", "DIVERGED", "RUNNING"])
        folder = pathlib.Path(self.folder)
        self.run_cli("studies", "export", "s", "--format", "jsonl", "--out", folder / "s.jsonl")
        self.run_cli("runs", "import", folder / "s.jsonl", "--study", "t", "--create-study")
        self.assertEqual(self.everything("t"), before)
        self.run_cli("studies", "export", "s", "--format", "csv", "--out", folder / "csv")
        self.run_cli("runs", "import", folder / "csv/runs.csv", "--curves", folder / "csv/curves.csv", "--study", "u",
                     "--create-study")
        self.assertEqual(self.everything("u"), before)

    def test_a_file_holds_everything_and_its_fits_predict_alike(self):
        self.make_study()
        fit = ("fits", "create", "--study", "s", "--law", "lr-power-nd", "--estimator", "band", "--bootstrap", 50)
        self.run_cli(*fit)
        path = pathlib.Path(self.folder) / "s.db"
        self.run_cli("studies", "export", "s", "--out", path)
        self.run_cli("studies", "import", path, code=64 + 6)
        self.run_cli("studies", "import", path, "--id", "t")
        self.assertEqual(self.everything("t"), self.everything("s"))

        def predicted(study):
            answer = self.run_json("predict", "--study", study, "--params", "4e6", "--tokens", "4e8")
            return answer["predictions"][0]["learning_rate"]
        self.assertEqual(predicted("t"), predicted("s"))
        again = self.run_json(*(word if word != "s" else "t" for word in fit))
        self.assertEqual([p["estimate"] for p in again["parameters"]],
                         [p["estimate"] for p in self.run_json("fits", "list", "--study", "s")[0]["parameters"]])

    def test_files_that_are_no_exports_are_refused(self):
        self.run_cli("studies", "import", self.write("text.db", "no database\n" * 100), code=64 + 3)
        self.run_cli("studies", "import", self.write("empty.db", ""), code=64 + 3)
        self.run_cli("studies", "import", "nowhere.db", code=1)
        self.make_study()
        path = pathlib.Path(self.folder) / "s.db"
        self.run_cli("studies", "export", "s", "--out", path)
        _, err = self.run_cli("studies", "export", "s", "--out", path, code=1)
        self.assertIn("new file", err)
        damaged = bytearray(path.read_bytes())
        for page in range(4096, len(damaged), 4096):  # all but the first; some of them hold nothing
            damaged[page:page + 64] = b"\x5a" * 64
        path.write_bytes(damaged)
        self.run_cli("studies", "import", path, "--id", "t", code=64 + 3)
        self.run_cli("studies", "export", "none", "--out", self.folder / "none.db", code=64 + 5)
        self.assertFalse(pathlib.Path(self.folder / "none.db").exists())


    def test_a_backup_of_a_server_in_use_is_a_database_of_its_own(self):
        server = ["--server", self.start_server()]
        self.run_cli("runs", "import", self.write("runs.jsonl", RUNS), "--study", "s", "--create-study", where=server)
        copy = pathlib.Path(self.folder) / "copy.db"
        self.run_cli("backup", copy, where=server)
        self.run_cli("studies", "delete", "s", "--yes", where=server)
        there = ["--db", str(copy)]
        out, _ = self.run_cli("studies", "export", "s", "--format", "jsonl", "--out", "-", where=there)
        self.assertEqual(len(out.splitlines()), 4)
        self.run_cli("doctor", where=there)
        _, err = self.run_cli("backup", copy, where=server, code=1)
        self.assertIn("new file", err)
        self.run_cli("backup", pathlib.Path(self.folder) / "no/such/folder.db", where=server, code=1)


if __name__ == "__main__":
    cli_support.main()
