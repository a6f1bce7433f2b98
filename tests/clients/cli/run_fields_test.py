# SPDX-License-Identifier: Apache-2.0
"""Every quantity of a run goes through import, store, filter, order, listings, exports and JSON."""
import copy
import csv
import io
import json
import re
import sqlite3

import cli_support
from cli_support import CliTest, SOURCE

LAYERS = ("import", "show as JSON", "list as CSV", "filter", "order", "export as CSV", "export as JSON lines",
          "export as a database")


def quantities_of_the_api():
    """The `optional double` fields of the API's Run: not what the table of fields says of itself."""
    text = (SOURCE / "proto/sextant/v1/run_service.proto").read_text()
    message = text[text.index("\nmessage Run {"):]
    return re.findall(r"^  optional double (\w+) =", message[:message.index("\n}")], re.M)


def lacking(observed, expected):
    """(layer, field) of every field that a layer does not carry as it should."""
    return [(layer, field) for layer in LAYERS for field in expected[layer]
            if observed[layer].get(field) != expected[layer][field]]


class RunFieldsTest(CliTest):
    def setUp(self):
        super().setUp()
        # Every value is another one, so that fields which are taken for each other are seen too. All are below 1, as the
        # betas must be.
        self.fields = quantities_of_the_api()
        self.needed = ("params_non_embedding", "tokens")

    def values(self, fields):
        """Of the runs r0 and r1, and of r2, which knows only what every run must."""
        low = {field: 0.1 + 0.01 * i for i, field in enumerate(fields)}
        return [low, {field: 1.5 * value for field, value in low.items()},
                {field: low[field] / 2 for field in self.needed}]

    def observe(self, fields):
        """layer -> field -> what it shows."""
        runs = self.values(fields)
        rows = [",".join(["run_id", *fields])]
        rows += [",".join([f"r{i}", *(repr(run[field]) if field in run else "" for field in fields)])
                 for i, run in enumerate(runs)]
        path = self.write("runs.csv", "\n".join(rows) + "\n")
        self.run_cli("runs", "import", path, "--study", "s", "--create-study", "--format", "csv")
        # What is no field is refused with those that there are.
        _, known = self.run_cli("runs", "import", path, "--study", "s", "--set", "?=1", code=None)
        known = known[known.index("Fields: "):].replace(",", " ").split()
        observed = {layer: {} for layer in LAYERS}
        for field in fields:
            observed["import"][field] = field in known
            observed["filter"][field] = self.found(f"{field} > {runs[0][field]!r} AND NOT {field} < {runs[1][field]!r}")
            observed["order"][field] = self.found(order=f"{field} desc")
        observed["show as JSON"] = self.run_json("runs", "show", "s/r1")
        listed, _ = self.run_cli("-o", "csv", "runs", "list", "--study", "s")
        observed["list as CSV"] = self.numbers(listed)
        self.run_cli("studies", "export", "s", "--format", "csv", "--out", self.folder / "csv")
        observed["export as CSV"] = self.numbers((self.folder / "csv/runs.csv").read_text())
        lines, _ = self.run_cli("studies", "export", "s", "--format", "jsonl", "--out", "-")
        observed["export as JSON lines"] = json.loads(lines.splitlines()[1])
        self.run_cli("studies", "export", "s", "--out", self.folder / "s.db")
        file = sqlite3.connect(f"file:{self.folder / 's.db'}?mode=ro", uri=True)
        file.row_factory = sqlite3.Row
        row = dict(file.execute("SELECT * FROM runs WHERE id = 'r1'").fetchone())
        file.close()
        row["loss_nats"] = row.pop("loss", None)
        observed["export as a database"] = row
        return observed

    def expected(self, fields):
        second = self.values(fields)[1]
        return {layer: {field: {"import": True, "filter": ["r1"], "order": ["r1", "r0", "r2"]}.get(layer, second[field])
                        for field in fields} for layer in LAYERS}

    def found(self, where="", order=""):
        """Ids of the runs, or None where the field is refused."""
        out, _ = self.run_cli("-o", "json", "runs", "list", "--study", "s", "--filter", where, "--order-by", order,
                              code=None)
        try:
            return [run["name"].rsplit("/", 1)[1] for run in json.loads(out)]
        except ValueError:
            return None

    @staticmethod
    def numbers(text):
        """The row of r1; numbers as numbers."""
        row = next(row for row in csv.DictReader(io.StringIO(text)) if "r1" in (row.get("name", "").rsplit("/", 1)[-1],
                                                                               row.get("run_id")))
        return {key: float(value) for key, value in row.items() if re.fullmatch(r"[0-9.e+-]+", value)}

    def test_every_layer_carries_every_quantity(self):
        self.assertGreaterEqual(len(self.fields), 16)
        observed, expected = self.observe(self.fields), self.expected(self.fields)
        self.assertEqual(lacking(observed, expected), [])
        for layer in LAYERS:
            for field in self.fields:
                planted = copy.deepcopy(observed)
                del planted[layer][field]
                self.assertEqual(lacking(planted, expected), [(layer, field)], "a field that one layer lacks is seen")

    def test_a_quantity_that_no_layer_knows_is_seen_in_each(self):
        fields = [*self.fields, "planted_quantity"]
        observed, expected = self.observe(fields), self.expected(fields)
        self.assertEqual(lacking(observed, expected), [(layer, "planted_quantity") for layer in LAYERS])


if __name__ == "__main__":
    cli_support.main()
