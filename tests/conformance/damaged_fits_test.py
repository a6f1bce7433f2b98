#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stored fit that cannot be computed with is refused by an import, and set aside by name in a database."""
import json
import pathlib
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from service_process import ROOT, binaries

FIXTURES = ROOT / "tests" / "fixtures" / "v0.1"


def damage(path):
    """Says of one rate fit that its law has no parameters, as schema version 2 kept it. Returns the fit's id."""
    database = sqlite3.connect(path)
    key, data = database.execute("SELECT fit_key, data FROM fit_arrays WHERE kind = 3 AND name = 'optimum' "
                                 "ORDER BY fit_key").fetchone()
    shape = list(struct.unpack("<4d", data))
    assert shape[2] > 0
    shape[2] = 0
    database.execute("UPDATE fit_arrays SET data = ? WHERE fit_key = ? AND kind = 3 AND name = 'optimum'",
                     (struct.pack("<4d", *shape), key))
    (name,) = database.execute("SELECT id FROM fits WHERE fit_key = ?", (key,)).fetchone()
    database.commit()
    database.close()
    return name


class DamagedFits(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.database = pathlib.Path(scratch.name) / "a.db"
        self.file = pathlib.Path(scratch.name) / "study.sqlite"

    def sextant(self, *arguments):
        command = [str(binaries() / "sextant"), "--db", str(self.database), "-o", "json", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    def test_an_import_of_one_is_refused_and_leaves_the_database_as_it_was(self):
        shutil.copy(FIXTURES / "study.sqlite", self.file)
        name = damage(self.file)
        answer = self.sextant("studies", "import", str(self.file))
        self.assertEqual(answer.returncode, 64 + 3, answer.stderr)  # INVALID_ARGUMENT
        self.assertIn(name, answer.stderr)
        self.assertIn("0 law parameters", answer.stderr)
        listed = self.sextant("studies", "list")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertNotIn("calibration", listed.stdout)

    def test_an_import_with_a_trigger_is_refused(self):
        shutil.copy(FIXTURES / "study.sqlite", self.file)
        database = sqlite3.connect(self.file)
        database.execute("CREATE TRIGGER t AFTER UPDATE ON fits BEGIN DELETE FROM runs; END")
        database.commit()
        database.close()
        answer = self.sextant("studies", "import", str(self.file))
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("not a study that was exported", answer.stderr)

    def test_a_database_with_one_opens_and_names_it(self):
        shutil.copy(FIXTURES / "database.db", self.database)
        name = damage(self.database)
        listed = self.sextant("fits", "list", "--study", "calibration")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        fits = {fit["name"].split("/")[-1]: fit for fit in json.loads(listed.stdout)}
        self.assertEqual(len(fits), len(json.loads((FIXTURES / "fits.json").read_text())))
        self.assertEqual(fits[name]["state"], "FIT_FAILED")
        self.assertIn("0 law parameters", fits[name]["error"]["message"])
        self.assertTrue(all(fit["state"] == "FIT_SUCCEEDED" for other, fit in fits.items() if other != name))
        predicted = self.sextant("predict", "--study", "calibration", "--params", "50M", "--tokens", "1B")
        self.assertEqual(predicted.returncode, 0, predicted.stderr)
        deleted = self.sextant("fits", "delete", f"studies/calibration/fits/{name}", "--yes")
        self.assertEqual(deleted.returncode, 0, deleted.stderr)


if __name__ == "__main__":
    unittest.main()
