#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs that are deleted by a filter, excluded with a reason, taken in again; imports that are undone."""
import cli_support
from cli_support import CliTest, sweep_csv


class RunChoiceTest(CliTest):
    def setUp(self):
        super().setUp()
        self.made = self.make_study("mine")["accepted"]

    def count(self, *filters):
        return len(self.run_json("runs", "list", "--study", "mine", *filters))

    def test_a_filter_deletes_after_it_was_said(self):
        large = self.count("--filter", "params_non_embedding > 5e7")
        self.assertGreater(large, 0)
        _, error = self.run_cli("runs", "delete", "--study", "mine", "--filter", "params_non_embedding > 5e7", code=2)
        self.assertIn(f"{large} runs", error)
        _, note = self.run_cli("runs", "delete", "--study", "mine", "--filter", "params_non_embedding > 5e7", "--dry-run")
        self.assertIn(f"would delete {large} runs", note)
        self.assertEqual(self.count(), self.made)
        self.run_cli("runs", "delete", "--study", "mine", "--filter", "params_non_embedding > 5e7", "--yes")
        self.assertEqual(self.count(), self.made - large)
        self.assertEqual(self.run_json("studies", "show", "mine")["run_count"], self.made - large)

    def test_everything_is_never_meant_by_saying_nothing(self):
        self.run_cli("runs", "delete", "--study", "mine", "--yes", code=2)
        self.run_cli("runs", "delete", "--study", "mine", "--filter", " ", "--yes", code=67)
        self.run_cli("runs", "delete", "--study", "mine", "--filter", "nonsense", "--yes", code=67)
        self.run_cli("runs", "delete", "--study", "none", "--filter", "tokens > 0", "--yes", code=69)
        self.assertEqual(self.count(), self.made)

    def test_excluded_runs_leave_later_fits(self):
        before = self.run_json("fits", "create", "--study", "mine", "--law", "loss-chinchilla", "--runs", "all", "--bootstrap", "0")
        self.run_cli("runs", "exclude", "mine/r0-0-0-0", "--reason", "node failed at step 900")
        run = self.run_json("runs", "show", "mine/r0-0-0-0")
        self.assertLessEqual({"excluded", "excluded: node failed at step 900"}, set(run["labels"]))
        self.assertEqual(self.count("--filter", "labels:excluded"), 1)
        after = self.run_json("fits", "create", "--study", "mine", "--law", "loss-chinchilla", "--runs", "all", "--bootstrap", "0")
        self.assertEqual(after["runs_used"], before["runs_used"] - 1)
        self.assertTrue(any("1 run is left out because it was excluded" in w for w in after["warnings"]), after["warnings"])
        self.assertNotEqual(after["data_digest"], before["data_digest"])
        asked = self.run_json("fits", "create", "--study", "mine", "--law", "loss-chinchilla", "--runs", "all", "--bootstrap", "0",
                              "--where", "labels:excluded OR tokens > 0")
        self.assertEqual(asked["runs_used"], before["runs_used"])
        self.run_cli("runs", "include", "mine/r0-0-0-0")
        again = self.run_json("fits", "create", "--study", "mine", "--law", "loss-chinchilla", "--runs", "all", "--bootstrap", "0")
        self.assertEqual(again["data_digest"], before["data_digest"])

    def test_an_exclusion_needs_a_reason_and_a_run(self):
        self.run_cli("runs", "exclude", "mine/r0-0-0-0", code=2)
        self.run_cli("runs", "exclude", "mine/r0-0-0-0", "--reason", "", code=67)
        self.run_cli("runs", "exclude", "mine/r0-0-0-0", "--reason", "x" * 201, code=67)
        self.run_cli("runs", "exclude", "mine/none", "--reason", "typo", code=1)
        self.assertEqual(self.count("--filter", "labels:excluded"), 0)

    def test_an_import_is_undone_alone(self):
        more = self.write("more.csv", sweep_csv(sizes=(2e6,)).replace("\nr", "\nmore-"))
        added = self.run_json("runs", "import", more, "--study", "mine")["accepted"]
        listed = {line["source"]: line["runs"] for line in self.run_json("imports", "list", "--study", "mine")}
        self.assertEqual(listed[str(more)], added)
        self.assertEqual(sum(listed.values()), self.made + added)
        self.run_cli("imports", "undo", more, "--study", "mine", code=2)
        self.assertEqual(self.count(), self.made + added)
        self.run_cli("imports", "undo", more, "--study", "mine", "--yes")
        self.assertEqual(self.count(), self.made)
        _, error = self.run_cli("imports", "undo", more, "--study", "mine", "--yes", code=1)
        self.assertIn("imports list", error)

    def test_words_that_many_type(self):
        self.assertEqual(self.run_cli("study", "list")[0], self.run_cli("studies", "list")[0])
        self.assertIn("sextant ", self.run_cli("--version")[0])
        self.assertEqual(self.run_cli("help", "runs", "list")[0], self.run_cli("runs", "list", "--help")[0])
        self.assertTrue(self.run_cli("help")[0].startswith("Examples:"))
        out, _ = self.run_cli("runs", "list", "--study", "mine", "--fields", "run_id", "--limit", "1", "-o", "csv")
        self.assertEqual(out.splitlines(), ["run_id", "r0-0-0-0"])

    def test_what_is_refused_prints_nothing(self):
        for output in ("json", "csv"):
            out, error = self.run_cli("-o", output, "runs", "list", "--study", "mine", "--filter", "nonsense", code=67)
            self.assertEqual(out, "")
            self.assertIn("nonsense", error)
        self.assertEqual(self.run_cli("-o", "json", "runs", "list", "--study", "mine", "--filter", "tokens < 0")[0], "[]\n")

    def test_files_that_were_written_are_named(self):
        for args in (("backup", "copy.db"), ("studies", "export", "mine", "--out", "mine.db"),
                     ("studies", "export", "mine", "--format", "csv", "--out", "folder")):
            self.assertIn("wrote " + args[-1], self.run_cli(*args)[1])
        _, error = self.run_cli("studies", "export", "mine", "--format", "csv", "--out", "mine.csv", code=2)
        self.assertIn("--out mine", error)
        self.assertFalse((self.folder / "mine.csv").exists() and (self.folder / "mine.csv").is_dir())

    def test_csv_keeps_warnings_on_stderr(self):
        self.run_cli("fits", "create", "--study", "mine", "--law", "loss-chinchilla", "--runs", "all", "--bootstrap", "0")
        out, notes = self.run_cli("-o", "csv", "predict", "--study", "mine", "--params", "1T", "--tokens", "100T")
        self.assertTrue(out.startswith("source,quantity,"))
        self.assertIn("above the fitted range", notes)


if __name__ == "__main__":
    cli_support.main()
