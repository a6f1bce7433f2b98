# SPDX-License-Identifier: Apache-2.0
"""Wrong words and flags are explained, exit code 2; help, version and completion."""
import json
import shlex
import subprocess

import cli_support
from cli_support import CliTest


class UsageTest(CliTest):
    def test_wrong_words_name_the_nearest(self):
        for args, expected in [
            (["studeis", "list"], "did you mean 'studies'?"),
            (["studies", "lst"], "did you mean 'list'?"),
            (["runs", "import", "x.csv", "--studdy", "s", "--study", "s"], "did you mean '--study'?"),
            (["predict", "--params", "1e9", "--tokens", "1e11", "--batchsize-tokens", "4M"],
             "did you mean '--batch-size-tokens'?"),
            (["studies", "list", "--ouptut", "json"], "did you mean '--output'?"),
        ]:
            with self.subTest(args=args):
                out, err = self.run_cli(*args, code=2)
                self.assertEqual(out, "")
                self.assertIn(expected, err)
                self.assertIn("hint:", err)

    def test_help_names_every_estimator_that_the_service_knows(self):
        self.run_cli("studies", "create", "s")
        out, _ = self.run_cli("fits", "create", "--help")
        words = set(out.replace(",", " ").replace(";", " ").split())
        for law in ("lr-power-nd", "cbs-power-d", "params-opt-c", "weight-decay-power-nd"):
            _, err = self.run_cli("fits", "create", "--study", "s", "--law", law, "--estimator", "nope", code=67)
            names = err.splitlines()[0].split("is not one of ")[1].split(", ")
            self.assertLessEqual(set(names), words, law)

    def test_usage_errors_exit_2(self):
        self.run_cli("studies", "create", "s")  # a mapping is read with what the study declares
        for args in [
            [],
            ["studies"],
            ["studies", "create"],
            ["studies", "create", "a", "b"],
            ["studies", "create", "a", "--param-count", "some"],
            ["studies", "create", "a", "--loss-unit", "furlongs"],
            ["studies", "create", "a", "--label", "novalue"],
            ["studies", "delete", "a"],
            ["runs", "import", "f.csv"],
            ["runs", "import", "f.csv", "--study", "s", "--map", "N"],
            ["runs", "import", "f.csv", "--study", "s", "--map", "parms_total=N"],
            ["runs", "show", "bare-id"],
            ["fits", "create", "--study", "s"],
            ["fits", "create", "--study", "s", "--law", "l", "--bootstrap", "-1"],
            ["fits", "create", "--study", "s", "--law", "l", "--fix", "a"],
            ["predict", "--params", "1e9"],
            ["predict", "--params", "seven", "--tokens", "1e11"],
            ["predict", "--params", "1e9", "--tokens", "1e11", "--fit", "bare"],
            ["studies", "list", "-o", "yaml"],
            ["studies", "list", "--color", "pink"],
            ["studies", "list", "--fields", "nmae"],
            ["studies", "list", "--timeout", "soon"],
            ["studies", "list", "--server", "127.0.0.1:1"],
            ["completion", "tcsh"],
        ]:
            with self.subTest(args=args):
                out, err = self.run_cli(*args, code=2)
                self.assertEqual(out, "")
                self.assertTrue(err.startswith("error: "), err)

    def test_nothing_is_created_by_a_usage_error(self):
        self.run_cli("studies", "lst", code=2)
        self.assertEqual(list(self.folder.iterdir()), [])

    def commands(self):
        """Every command that the binary has, as lists of words."""
        found = [line.split() for line in self.run_cli("__commands", where=[])[0].splitlines()]
        self.assertIn(["studies", "create"], found)
        self.assertIn(["version"], found)
        return found

    def test_help_of_every_command_starts_with_examples(self):
        for args in [[], *self.commands()]:
            with self.subTest(args=args):
                out, _ = self.run_cli(*args, "--help")
                self.assertTrue(out.startswith("Examples:\n  "), out[:80])
                self.assertIn("sextant " + " ".join(args), out.split("\n\n")[0])
        out, _ = self.run_cli("--help")
        self.assertNotIn("__complete", out)
        for noun in {words[0] for words in self.commands()}:
            self.assertRegex(out, rf"(?m)^  {noun}[ ,]")

    def test_every_command_is_offered_by_completion(self):
        for words in self.commands():
            with self.subTest(words=words):
                self.assertIn(words[-1], self.complete(*words[:-1], words[-1][:-1]))

    def test_every_example_in_help_parses(self):
        """An example that names a flag or verb that is not there would be a usage error."""
        for command in [[], *self.commands()]:
            out, _ = self.run_cli(*command, "--help")
            examples = out.split("\n\n")[0].splitlines()[1:]
            self.assertTrue(examples, command)
            for example in examples:
                words = shlex.split(example[example.index("sextant "):].rstrip(")"))
                end = min([words.index(word) for word in ("|", ">") if word in words] + [len(words)])
                line = " ".join(words[:end])
                with self.subTest(example=line):
                    args = words[1:end]
                    where = [] if "--server" in args else self.where
                    done = subprocess.run([str(cli_support.BIN / "sextant"), *where, *args], capture_output=True,
                                          text=True, env=self.env, cwd=self.folder, timeout=60, stdin=subprocess.DEVNULL)
                    self.assertNotEqual(done.returncode, 2, done.stderr)

    def test_version(self):
        out, _ = self.run_cli("version")
        self.assertRegex(out, r"^sextant \d+\.\d+\.\d+ ")
        self.assertIn("version", self.run_json("version"))

    def test_default_database_follows_xdg(self):
        env = dict(self.env, XDG_DATA_HOME=str(self.folder / "data"))
        self.run_cli("studies", "create", "a", where=[], env=env)
        self.assertTrue((self.folder / "data/sextant/sextant.db").exists())
        self.run_cli("studies", "create", "a", where=[])
        self.assertTrue((self.folder / ".local/share/sextant/sextant.db").exists())

    def test_environment_chooses_database_and_flags_win(self):
        env = dict(self.env, SEXTANT_DB=str(self.folder / "env.db"))
        self.run_cli("studies", "create", "in-env", where=[], env=env)
        names = [s["name"] for s in self.run_json("studies", "list", where=[], env=env)]
        self.assertIn("studies/in-env", names)
        names = [s["name"] for s in self.run_json("studies", "list", env=env)]
        self.assertNotIn("studies/in-env", names)
        env["SEXTANT_SERVER"] = "127.0.0.1:1"
        self.run_cli("studies", "list", env=env)  # --db wins
        self.run_cli("studies", "list", env=env, where=[], code=64 + 14)

    def complete(self, *words):
        done = subprocess.run([str(cli_support.BIN / "sextant"), "__complete", *words], capture_output=True, text=True,
                              env=dict(self.env, SEXTANT_DB=self.where[1]), timeout=60)
        self.assertEqual(done.returncode, 0)
        return [line.strip() for line in done.stdout.splitlines()]

    def test_completion_scripts_and_candidates(self):
        for shell in ("bash", "zsh", "fish"):
            out, _ = self.run_cli("completion", shell)
            self.assertIn("sextant __complete", out)
        self.run_cli("studies", "create", "alpha")
        complete = self.complete
        self.assertEqual(complete("stu"), ["studies"])
        self.assertEqual(complete("runs", "imp"), ["import"])
        self.assertIn("--study", complete("runs", "import", "--st"))
        self.assertEqual(complete("runs", "list", "--study", "al"), ["alpha"])
        self.assertEqual(complete("studies", "list", "-o", "js"), ["json", "jsonl"])
        self.assertIn("lr-power-nd", complete("fits", "create", "--law", "lr-p"))
        self.assertEqual(complete("completion", "z"), ["zsh"])
        self.make_study("beta")
        self.run_cli("fits", "create", "--study", "beta", "--law", "lr-power-nd", "--id", "rate", "--bootstrap", "0")
        self.assertEqual(complete("fits", "show", "be"), ["beta/"])
        self.assertEqual(complete("fits", "show", "beta/r"), ["beta/rate"])
        self.assertEqual(complete("fit", "show", "--study", "beta", "r"), ["rate"])
        self.assertEqual(complete("predict", "--fit", "beta/"), ["beta/rate"])
        self.assertEqual(complete("runs", "show", "beta/r0-0-0"), [f"beta/r0-0-0-{m}" for m in range(5)])
        self.assertEqual(complete("predict", "--study", "beta", "--run", "r0-0-0-1"), ["r0-0-0-1"])

    def test_bash_completion_script_is_sound(self):
        out, _ = self.run_cli("completion", "bash")
        done = subprocess.run(["bash", "-n"], input=out, text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_colour_only_when_asked(self):
        self.run_cli("studies", "create", "a")
        self.assertNotIn("\033", self.run_cli("studies", "list")[0])
        self.assertIn("\033", self.run_cli("studies", "list", "--color", "always")[0])
        self.assertIn("\033", self.run_cli("studies", "list", env=dict(self.env, CLICOLOR_FORCE="1"))[0])
        self.assertNotIn("\033", self.run_cli("studies", "list", env=dict(self.env, CLICOLOR_FORCE="1", NO_COLOR="1"))[0])

    def test_output_formats_agree(self):
        self.run_cli("studies", "create", "a", "--title", "with, comma")
        self.run_cli("studies", "create", "b")
        listed = self.run_json("studies", "list")
        lines = [json.loads(line) for line in self.run_cli("studies", "list", "-o", "jsonl")[0].splitlines()]
        self.assertEqual(listed, lines)
        csv = self.run_cli("studies", "list", "-o", "csv", "--fields", "name,title,run_count")[0].splitlines()
        self.assertEqual(csv[0], "name,title,run_count")
        self.assertIn('studies/a,"with, comma",0', csv)
        tsv = self.run_cli("studies", "list", "-o", "tsv", "--fields", "name,title")[0].splitlines()
        self.assertIn("studies/a\twith, comma", tsv)
        markdown = self.run_cli("studies", "list", "-o", "markdown")[0].splitlines()
        self.assertTrue(markdown[1].startswith("| --- |"), markdown)
        chosen = self.run_json("studies", "list", "--fields", "run_count,name")
        self.assertEqual(list(chosen[0]), ["run_count", "name"])


if __name__ == "__main__":
    cli_support.main()
