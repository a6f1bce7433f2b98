# SPDX-License-Identifier: Apache-2.0
"""studies create, list, show, delete."""
import cli_support
from cli_support import CliTest


class StudiesTest(CliTest):
    def test_create_show_list_delete(self):
        made = self.run_json("studies", "create", "mine", "--param-count", "total", "--loss-unit", "nats-per-byte", "--title",
                             "T", "--label", "team=a")
        self.assertEqual(made["name"], "studies/mine")
        self.assertEqual(made["param_count"], "TOTAL")
        self.assertEqual(made["loss_unit"], "NATS_PER_BYTE")
        self.assertEqual(made["labels"], {"team": "a"})
        self.assertEqual(made["run_count"], 0, "zero counts are printed")
        self.assertEqual(self.run_json("studies", "show", "mine"), self.run_json("studies", "show", "studies/mine"))
        self.assertIn("studies/mine", [s["name"] for s in self.run_json("studies", "list")])
        self.run_cli("studies", "delete", "mine", "--yes")
        _, err = self.run_cli("studies", "show", "mine", code=64 + 5)
        self.assertIn("sextant studies create mine", err)

    def test_a_taken_id_and_a_bad_id(self):
        self.run_cli("studies", "create", "mine")
        _, err = self.run_cli("studies", "create", "mine", code=64 + 6)
        self.assertIn("hint: ", err)
        _, err = self.run_cli("studies", "create", "Not_An_Id", code=64 + 3)
        self.assertIn("study_id", err)

    def test_table_is_for_people(self):
        self.run_cli("studies", "create", "mine", "--param-count", "total")
        out, _ = self.run_cli("studies", "list")
        self.assertIn("STUDY", out)
        row = next(line for line in out.splitlines() if line.startswith("mine "))
        self.assertIn("total", row)
        self.assertIn("nats-per-token", row)


if __name__ == "__main__":
    cli_support.main()
