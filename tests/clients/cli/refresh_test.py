# SPDX-License-Identifier: Apache-2.0
"""Fits that predate runs of their study say so in predictions, and are made again as they were made."""
import cli_support
from cli_support import CliTest, sweep_csv

COLUMNS = "run_id,params_non_embedding,tokens,learning_rate,batch_size_tokens,loss_nats\n"


class RefreshTest(CliTest):
    def setUp(self):
        super().setUp()
        self.make_study("s")
        self.run_cli("fits", "create", "--study", "s", "--law", "lr-power-nd", "--id", "rate", "--estimator", "band", "--bootstrap", "30",
                     "--seed", "7", "--band", "0.005", "--where", "tokens > 5e7")
        self.run_cli("fits", "create", "--study", "s", "--law", "loss-chinchilla", "--id", "loss", "--bootstrap", "20", "--fix", "E=1.7", "--runs", "all")

    def warnings(self, *extra):
        answer = self.run_json("predict", "--study", "s", "--params", "1e9", "--tokens", "1e10", *extra)
        return [text for each in answer["predictions"] for text in each.get("warnings", []) if "is old" in text]

    def add_runs(self, count=3):
        rows = "".join(f"new{i},2e6,1e8,0.002,30000,{4.0 + 0.01 * i}\n" for i in range(count))
        self.run_cli("runs", "import", self.write("new.csv", COLUMNS + rows), "--study", "s")

    def test_a_fit_that_predates_runs_says_so(self):
        self.assertEqual(self.warnings(), [])
        self.add_runs()
        said = self.warnings()
        self.assertEqual(len(said), 2, said)
        self.assertIn("rate", said[0])
        self.assertIn("3 runs more", said[0])
        text, notes = self.run_cli("predict", "--study", "s", "--params", "1e9", "--tokens", "1e10")
        self.assertIn("is old", text)
        self.assertIn("sextant fits refresh --study s", notes)

    def test_a_server_notices_runs_as_they_come(self):
        address = self.start_server(self.folder / "runs.db")
        self.where = ["--server", address]
        self.assertEqual(self.warnings(), [])
        self.add_runs(2)
        self.assertEqual(len(self.warnings()), 2)
        self.run_cli("runs", "delete", "s/new0", "--yes")
        self.run_cli("runs", "delete", "--study", "s", "--filter", "run_id = new1", "--yes")
        self.assertEqual(self.warnings(), [])

    def test_refresh_makes_the_same_request_again(self):
        _, said = self.run_cli("fits", "refresh", "--study", "s")
        self.assertIn("every fit has seen all runs", said)
        self.add_runs()
        before = {fit["law"]: fit for fit in self.run_json("fits", "list", "--study", "s")}
        again = {fit["law"]: fit for fit in self.run_json("fits", "refresh", "--study", "s")}
        self.assertEqual(set(again), {"lr-power-nd", "loss-chinchilla"})
        for law, fit in again.items():
            self.assertNotEqual(fit["name"], before[law]["name"])
            for field in ("estimator", "seed", "bootstrap_replicates", "filter", "holdout_filter", "loss", "runs"):
                self.assertEqual(fit.get(field), before[law].get(field), (law, field))
            self.assertGreaterEqual(fit["runs_used"], before[law]["runs_used"])
        self.assertEqual(again["lr-power-nd"]["diagnostics"]["option.band"], 0.005)
        fixed = {each["name"]: each["estimate"] for each in again["loss-chinchilla"]["parameters"]}
        self.assertEqual(fixed["E"], 1.7)
        self.assertEqual(self.warnings(), [])
        self.assertEqual(len(self.run_json("fits", "list", "--study", "s")), 4)

    def test_refresh_takes_one_law_and_all_when_asked(self):
        self.assertEqual([fit["law"] for fit in self.run_json("fits", "refresh", "--study", "s", "--law", "loss-chinchilla", "--all")], ["loss-chinchilla"])
        self.run_cli("fits", "refresh", "--study", "none", code=69)

    def test_a_fit_of_a_table_is_left_alone(self):
        rows = sweep_csv().splitlines()[1:]
        table = "N,D,y\n" + "\n".join(",".join((row.split(",")[1], row.split(",")[2], row.split(",")[5])) for row in rows) + "\n"
        self.run_cli("fits", "create", "--study", "s", "--law", "loss-kaplan", "--bootstrap", "10", "--table", self.write("t.csv", table))
        self.add_runs()
        again, said = self.run_cli("-o", "json", "fits", "refresh", "--study", "s")
        self.assertNotIn("loss-kaplan", again)
        self.assertIn("table", said)


if __name__ == "__main__":
    cli_support.main()
