# SPDX-License-Identifier: Apache-2.0
"""runs, fits and laws delete: what goes, what stays, and that it must be said twice."""
import cli_support
from cli_support import CliTest


class DeleteTest(CliTest):
    def test_a_run_goes_and_the_others_stay(self):
        self.make_study()
        before = [run["name"] for run in self.run_json("runs", "list", "--study", "s")]
        gone = before[0].split("/")[-1]
        _, err = self.run_cli("runs", "delete", "s/" + gone, code=2)
        self.assertIn("--yes", err)
        self.run_cli("runs", "delete", gone, "--study", "s", "--yes")
        self.assertEqual([run["name"] for run in self.run_json("runs", "list", "--study", "s")], before[1:])
        self.run_cli("runs", "delete", "s/" + gone, "--yes", code=64 + 5)
        self.assertEqual(self.run_json("studies", "show", "s")["run_count"], len(before) - 1)

    def test_a_fit_and_a_law_of_ones_own_go(self):
        self.make_study()
        toml = self.run_json("laws", "show", "lr-power-nd")["toml"].replace("lr-power-nd", "my-law")
        self.run_cli("laws", "create", self.write("law.toml", toml))
        self.run_cli("fits", "create", "--study", "s", "--law", "my-law", "--bootstrap", 20, "--id", "mine")
        self.run_cli("fits", "delete", "s/mine", code=2)
        self.run_cli("fits", "delete", "s/mine", "--yes")
        self.assertEqual(self.run_json("fits", "list", "--study", "s"), [])
        self.run_cli("laws", "delete", "my-law", code=2)
        self.run_cli("laws", "delete", "my-law", "--yes")
        self.run_cli("laws", "show", "my-law", code=64 + 5)
        _, err = self.run_cli("laws", "delete", "step-law-lr", "--yes", code=64 + 9)
        self.assertIn("ships with Sextant", err)


if __name__ == "__main__":
    cli_support.main()
