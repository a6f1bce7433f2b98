#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sextantd as whoever runs it meets it: configuration, what a service manager is told, sockets that it passes, backups by
themselves, man pages. Needs SEXTANT_BIN_DIR."""
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ["SEXTANT_BIN_DIR"])
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TIMEOUT = 60


class OperationTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-operation-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("SEXTANT", "NOTIFY", "WATCHDOG", "LISTEN"))}

    def config(self, text):
        path = self.folder / "sextantd.toml"
        path.write_text(text.replace("FOLDER", str(self.folder)))
        return path

    def run_daemon(self, *arguments, **environment):
        return subprocess.run([str(BIN / "sextantd"), *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT,
                              env={**self.environment, **environment})

    def start(self, *arguments, **environment):
        port = self.folder / f"port-{time.monotonic_ns()}"
        server = subprocess.Popen([str(BIN / "sextantd"), "--port-file", str(port), *map(str, arguments)],
                                  stdout=subprocess.DEVNULL, stderr=open(self.folder / "log", "a"),
                                  env={**self.environment, **environment})
        self.addCleanup(lambda: (server.kill(), server.wait()))
        deadline = time.monotonic() + TIMEOUT
        while not port.exists():
            self.assertIsNone(server.poll(), (self.folder / "log").read_text())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        return server, "127.0.0.1:" + port.read_text().strip()

    def sextant(self, *arguments, code=0):
        done = subprocess.run([str(BIN / "sextant"), *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT,
                              env={**self.environment, "HOME": str(self.folder)})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    # Configuration.
    def test_every_mistake_is_said_with_its_line(self):
        path = self.config('listen = ["127.0.0.1:0", "nowhere"]\n'
                           'db = "FOLDER/missing/x.db"\n'
                           "token-fil = 3\n"
                           "threads = \"many\"\n"
                           "fsync = \"sometimes\"\n"
                           "log-requests = 1\n"
                           "backup-every = \"often\"\n"
                           "max-connections = 2000000\n"
                           "tls-cert = \"x.pem\"\n")
        done = self.run_daemon("--config", path, "--check-config")
        self.assertEqual(done.returncode, 2, done.stderr)
        for line, text in ((1, "--listen nowhere"), (2, "there is no folder"), (3, "did you mean 'token-file'"),
                           (4, "threads is a number"), (5, "fsync"), (6, "log-requests is true or false"),
                           (7, "not a duration"), (8, "max-connections"), (9, "--tls-cert and --tls-key")):
            self.assertRegex(done.stderr, rf"(?m)^{re.escape(str(path))}:{line}: .*{re.escape(text)}")
        self.assertIn("9 problems", done.stderr)
        self.assertEqual(self.run_daemon("--config", path).returncode, 2, "nor does it start so")

    def test_text_that_is_no_toml_and_files_that_are_not_there(self):
        path = self.config('db = "x"\nlisten = [\n')
        done = self.run_daemon("--config", path, "--check-config")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"sextantd\.toml:[23]: ")
        done = self.run_daemon("--config", self.folder / "none.toml", "--check-config")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no such file", done.stderr)

    def test_a_flag_wins_over_the_environment_and_that_over_the_file(self):
        path = self.config('db = "FOLDER/file.db"\nlisten = ["127.0.0.1:0"]\nthreads = 1\nno-reflection = true\n')
        self.assertEqual(self.run_daemon("--config", path, "--check-config").returncode, 0)
        for arguments, environment, database in (((), {}, "file.db"),
                                                 ((), {"SEXTANTD_DB": str(self.folder / "env.db")}, "env.db"),
                                                 (("--db", self.folder / "flag.db"),
                                                  {"SEXTANTD_DB": str(self.folder / "env.db")}, "flag.db")):
            server, address = self.start("--config", path, *arguments, **environment)
            shown = self.sextant("--server", address, "doctor")
            self.assertIn(str(self.folder / database), shown.replace("\n", ""))
            server.terminate()
            self.assertEqual(server.wait(timeout=TIMEOUT), 0)
        done = self.run_daemon("--db", self.folder / "x.db", "--check-config", SEXTANTD_THREADS="many")
        self.assertEqual(done.returncode, 2)
        self.assertIn("SEXTANTD_THREADS", done.stderr)

    def test_the_sample_names_every_setting_with_its_default(self):
        sample = (ROOT / "packaging" / "sextantd.toml").read_text()
        named = set(re.findall(r"(?m)^#? ?([a-z][a-z-]*) = ", sample))
        help_text = self.run_daemon("--help").stdout
        flags = set(re.findall(r"--([a-z][a-z-]+)", help_text)) - {"help", "version", "config", "check-config"}
        # What only a command line wants.
        self.assertEqual(flags - named - {"port-file", "http-port-file", "laws", "no-reflection", "renew-checksums"}, set(), "settings that the sample leaves out")
        self.assertEqual(named - flags, set(), "settings that there are not")
        # With every comment taken away it is still right, but for the files that it names.
        full = re.sub(r"(?m)^# ([a-z][a-z-]* = )", r"\1", sample)
        full = re.sub(r'(?m)^(token-file|tls-[a-z-]+) = .*$', "", full)
        full = re.sub(r'"/var/[a-z/]*/([a-z.]+)"', rf'"{self.folder}/\1"', full)
        (self.folder / "backups").mkdir()
        done = self.run_daemon("--config", self.config(full), "--check-config")
        self.assertEqual(done.returncode, 0, done.stderr)

    # The service manager.
    def test_systemd_is_told_of_the_start_of_life_and_of_the_stop(self):
        path = self.folder / "notify"
        inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        inbox.bind(str(path))
        inbox.settimeout(TIMEOUT)
        server, _ = self.start("--db", self.folder / "n.db", "--listen", "127.0.0.1:0", NOTIFY_SOCKET=str(path),
                               WATCHDOG_USEC="600000")
        self.assertRegex(inbox.recv(4096).decode(), r"^READY=1\nSTATUS=listening on 127\.0\.0\.1:\d+$")
        for _ in range(3):
            self.assertEqual(inbox.recv(4096), b"WATCHDOG=1")
        # A process that hangs is not said to live.
        server.send_signal(signal.SIGSTOP)
        inbox.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            while True:
                inbox.recv(4096)
        with self.assertRaises(TimeoutError):
            inbox.recv(4096)
        inbox.settimeout(TIMEOUT)
        server.send_signal(signal.SIGCONT)
        self.assertEqual(inbox.recv(4096), b"WATCHDOG=1")
        server.terminate()
        messages = []
        while b"STOPPING=1" not in messages:
            messages.append(inbox.recv(4096))
        self.assertEqual(server.wait(timeout=TIMEOUT), 0)

    def test_sockets_that_systemd_passes_outlive_the_server(self):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        address = "127.0.0.1:%d" % listening.getsockname()[1]

        def start():
            # Descriptor 3, and LISTEN_PID is the server's own id: a shell knows it.
            port = self.folder / f"port-{time.monotonic_ns()}"
            script = f'exec 3<&{listening.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"'
            server = subprocess.Popen(
                ["/bin/bash", "-c", script, str(BIN / "sextantd"), "--db", str(self.folder / "s.db"), "--listen", "systemd",
                 "--port-file", str(port)],
                stdout=subprocess.DEVNULL, stderr=open(self.folder / "log", "a"), pass_fds=(listening.fileno(),),
                env=self.environment)
            self.addCleanup(lambda: (server.kill(), server.wait()))
            deadline = time.monotonic() + TIMEOUT
            while not port.exists():
                self.assertIsNone(server.poll(), (self.folder / "log").read_text())
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            return server

        self.addCleanup(listening.close)
        server = start()
        self.sextant("--server", address, "studies", "create", "first")
        server.terminate()
        self.assertEqual(server.wait(timeout=TIMEOUT), 0)
        # While no server runs a client waits in the socket's queue instead of being refused.
        waiting = subprocess.Popen([str(BIN / "sextant"), "--server", address, "studies", "list", "-o", "csv", "--timeout", "30"],
                                   stdout=subprocess.PIPE, text=True, env={**self.environment, "HOME": str(self.folder)})
        time.sleep(1)
        self.assertIsNone(waiting.poll(), "the client was refused")
        start()
        self.assertIn("first", waiting.communicate(timeout=TIMEOUT)[0])
        done = self.run_daemon("--db", self.folder / "x.db", "--listen", "systemd")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no socket", done.stderr)

    # Who it runs as, and what it is renewed with.
    @unittest.skipUnless(os.geteuid() == 0, "not root")
    def test_root_is_warned(self):
        self.start("--db", self.folder / "r.db", "--listen", "127.0.0.1:0")
        self.assertIn("runs as root", (self.folder / "log").read_text())

    def certificate(self, name, serial):
        """NAME.pem and NAME.key, signed by themselves."""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-set_serial", str(serial), "-keyout", self.folder / f"{name}.key", "-out", self.folder / f"{name}.pem"],
                       check=True, capture_output=True)

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_a_renewed_certificate_is_taken_up_without_a_restart(self):
        self.certificate("old", 1)
        self.certificate("new", 2)
        for end in ("pem", "key"):
            shutil.copy(self.folder / f"old.{end}", self.folder / f"server.{end}")
        server, address = self.start("--db", self.folder / "t.db", "--listen", "127.0.0.1:0",
                                     "--tls-cert", self.folder / "server.pem", "--tls-key", self.folder / "server.key")

        def served():
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            host, port = address.split(":")
            with socket.create_connection((host, int(port)), timeout=TIMEOUT) as plain, context.wrap_socket(plain) as tls:
                return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True))

        pem = lambda name: (self.folder / f"{name}.pem").read_text()
        self.assertEqual(served(), pem("old"))
        self.sextant("--server", f"https://{address}", "--tls-ca", self.folder / "old.pem", "studies", "create", "s")
        # The certificate first, and its key a while later: the two do not fit meanwhile, and the old ones are served on.
        for end in ("pem", "key"):
            shutil.copy(self.folder / f"new.{end}", self.folder / f"next.{end}")
        os.rename(self.folder / "next.pem", self.folder / "server.pem")
        time.sleep(1)
        self.assertEqual(served(), pem("old"))
        os.rename(self.folder / "next.key", self.folder / "server.key")
        deadline = time.monotonic() + TIMEOUT
        while served() != pem("new"):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)
        self.assertIsNone(server.poll())
        listed = self.sextant("--server", f"https://{address}", "--tls-ca", self.folder / "new.pem", "studies", "list", "-o", "csv")
        self.assertIn("studies/s", listed)

    # Checksums of pages.
    def test_an_old_database_gets_checksums_once_it_is_asked_for(self):
        database = self.folder / "old.db"
        shutil.copy(ROOT / "tests" / "fixtures" / "v0.1" / "database.db", database)
        reserved = lambda: database.read_bytes()[20]  # of each page (SQLite's file format, 1.3.4)
        self.sextant("--db", database, "studies", "list")
        self.assertEqual(reserved(), 0)
        runs = self.sextant("--db", database, "runs", "list", "--study", "calibration", "--limit", "1000", "-o", "csv")
        self.assertIn("every page", self.sextant("--db", database, "doctor", "--renew-checksums"))
        self.assertEqual(reserved(), 8)
        self.assertEqual(self.sextant("--db", database, "runs", "list", "--study", "calibration", "--limit", "1000", "-o", "csv"),
                         runs)
        # Another program writes into it, and it is noticed; on request it is taken as it stands.
        with sqlite3.connect(database) as file:
            file.execute("UPDATE runs SET loss = loss + 1")
        file.close()
        done = subprocess.run([str(BIN / "sextant"), "--db", str(database), "runs", "list", "--study", "calibration"],
                              capture_output=True, text=True, timeout=TIMEOUT, env=self.environment)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("is not as Sextant wrote it", done.stderr)
        server, address = self.start("--db", database, "--listen", "127.0.0.1:0", "--renew-checksums")
        self.assertNotEqual(self.sextant("--server", address, "runs", "list", "--study", "calibration", "--limit", "1000",
                                         "-o", "csv"), runs)

    # Backups.
    def test_backups_are_made_by_themselves_and_the_oldest_go(self):
        backups = self.folder / "backups"
        backups.mkdir()
        (backups / "sextant-notes.txt").write_text("mine")
        (backups / "sextant-20200101T000000Z.db").write_text("old")
        server, address = self.start("--db", self.folder / "b.db", "--listen", "127.0.0.1:0", "--backup-dir", backups,
                                     "--backup-every", "1s", "--backup-keep", "2")
        self.sextant("--server", address, "studies", "create", "kept")
        deadline = time.monotonic() + TIMEOUT

        def names():
            return sorted(path.name for path in backups.glob("sextant-2*.db"))

        seen = set()
        while len(seen - {"sextant-20200101T000000Z.db"}) < 4:
            seen.update(names())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        server.terminate()
        self.assertEqual(server.wait(timeout=TIMEOUT), 0)
        left = names()
        self.assertEqual(len(left), 2, left)
        self.assertNotIn("sextant-20200101T000000Z.db", left)
        self.assertEqual((backups / "sextant-notes.txt").read_text(), "mine")
        self.assertFalse(list(backups.glob("*partial*")))
        drill = self.sextant("doctor", "--restore-drill", backups / left[-1])
        self.assertIn("studies/kept", drill)
        with sqlite3.connect(backups / left[-1]) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone()[0], "ok")

    def test_a_restart_does_not_make_a_backup_before_its_time(self):
        backups = self.folder / "backups"
        backups.mkdir()
        arguments = ("--db", self.folder / "b.db", "--listen", "127.0.0.1:0", "--backup-dir", backups, "--backup-every", "1h")
        for _ in range(2):
            server, _ = self.start(*arguments)
            deadline = time.monotonic() + TIMEOUT
            while not list(backups.glob("sextant-*.db")):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)
            server.terminate()
            self.assertEqual(server.wait(timeout=TIMEOUT), 0)
        self.assertEqual(len(list(backups.glob("sextant-*.db"))), 1)

    def test_a_damaged_backup_fails_the_drill(self):
        server, address = self.start("--db", self.folder / "d.db", "--listen", "127.0.0.1:0")
        for i in range(30):
            self.sextant("--server", address, "studies", "create", f"s{i}", "--title", "x" * 150)
        copy = self.folder / "copy.db"
        self.sextant("--server", address, "backup", copy)
        self.sextant("doctor", "--restore-drill", copy)
        whole = copy.read_bytes()
        copy.write_bytes(whole[:len(whole) // 2])
        self.sextant("doctor", "--restore-drill", copy, code=1)
        self.sextant("doctor", "--restore-drill", self.folder / "none.db", code=1)

    # Papers.
    def test_man_pages_say_what_help_says(self):
        pages = self.folder / "man"
        pages.mkdir()
        self.sextant("__man", pages, "2026-11-30")
        (pages / "sextantd.8").write_text(self.run_daemon("--man-page", "2026-11-30").stdout)
        names = {path.name for path in pages.iterdir()}
        commands = self.sextant("__commands").splitlines()
        for command in commands:
            self.assertIn(f"sextant-{command.split()[0]}.1", names)
        text = (pages / "sextant-runs.1").read_text()
        for flag in re.findall(r"--([a-z-]+)", self.sextant("runs", "import", "--help")):
            if flag not in ("help",):
                self.assertIn(f"\\-\\-{flag}".replace(flag, flag.replace("-", "\\-")), text)
        if shutil.which("groff"):
            for page in pages.iterdir():
                done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True)
                # A word that fills a line is no fault.
                wrong = [line for line in done.stderr.splitlines() if "cannot adjust line" not in line]
                self.assertEqual(wrong, [], page.name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
