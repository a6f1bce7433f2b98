# SPDX-License-Identifier: Apache-2.0
"""The settings file of the command line, and the demo."""
import cli_support
from cli_support import CliTest


class SettingsTest(CliTest):
    def settings(self, text):
        return self.write(".config/sextant/config.toml", text)

    def test_the_file_gives_what_neither_flags_nor_environment_say(self):
        database = self.folder / "of-file.db"
        self.settings(f'db = "{database}"\noutput = "csv"\n')
        self.run_cli("studies", "create", "mine", where=[])
        self.assertTrue(database.exists())
        listed, _ = self.run_cli("studies", "list", where=[])
        self.assertIn(",", listed.splitlines()[0])
        self.assertIn("studies/mine", listed)
        # A flag wins, and so does a variable.
        table, _ = self.run_cli("-o", "table", "studies", "list", where=[])
        self.assertIn("STUDY", table)
        other = dict(self.env, SEXTANT_DB=str(self.folder / "of-variable.db"))
        self.assertNotIn("mine", self.run_cli("studies", "list", where=[], env=other)[0])
        self.assertNotIn("mine", self.run_cli("studies", "list")[0])

    def test_a_server_of_the_file_is_asked(self):
        address = self.start_server()
        self.settings(f'server = "{address}"\n')
        self.run_cli("studies", "create", "there", where=[])
        self.assertIn("there", self.run_cli("studies", "list", where=["--server", address])[0])

    def test_another_file_may_be_named(self):
        elsewhere = self.write("elsewhere.toml", 'output = "json"\n')
        env = dict(self.env, SEXTANT_CONFIG=str(elsewhere))
        self.assertTrue(self.run_cli("studies", "list", env=env)[0].startswith("["))
        env = dict(self.env, SEXTANT_CONFIG=str(self.folder / "none.toml"))
        _, error = self.run_cli("studies", "list", env=env, code=2)
        self.assertIn("none.toml", error)

    def test_mistakes_are_named_with_their_line(self):
        self.settings('output = "json"\nsrever = "x"\ntimeout = "long"\n')
        _, error = self.run_cli("studies", "list", code=2)
        self.assertIn("line 2: there is no setting 'srever'; did you mean 'server'?", error)
        self.assertIn("line 3: timeout is a number", error)
        self.settings('db = "a"\nserver = "b:1"\n')
        self.assertIn("both", self.run_cli("studies", "list", code=2)[1])


class DemoTest(CliTest):
    def test_the_demo_walks_from_a_table_to_a_plan(self):
        out, said = self.run_cli("demo", env=dict(self.env, TMPDIR=str(self.folder)))
        for command in ("studies create demo", "runs import", "studies cells demo", "fits create", "predict", "plan"):
            self.assertIn(f"$ sextant {command}", out)
        self.assertIn("peak learning rate", out)
        self.assertIn("216", out)
        self.assertIn("--keep", said)
        self.assertEqual([path.name for path in self.folder.iterdir() if path.name.startswith("sextant-demo")], [], "the folder stays behind")

    def test_what_is_kept_can_be_gone_on_with(self):
        kept = self.folder / "kept"
        self.run_cli("demo", "--keep", kept)
        studies = self.run_json("studies", "list", where=["--db", str(kept / "demo.db")])
        self.assertEqual([each["run_count"] for each in studies if each["name"] == "studies/demo"], [216])
        self.run_cli("demo", "--keep", kept, code=1)


if __name__ == "__main__":
    cli_support.main()
