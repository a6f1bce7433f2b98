#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The systemd unit, the sample configuration and the maintainer scripts of packaging/: the unit's own command is run, over
the shipped configuration, in folders of a test. SEXTANT_PACKAGING=long builds the packages and the tarball and tries them in
a Debian root. Needs SEXTANT_BIN_DIR, and SEXTANT_BUILD_DIR for the long form."""
import configparser
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import unittest

BIN = pathlib.Path(os.environ["SEXTANT_BIN_DIR"])
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGING = ROOT / "packaging"
TIMEOUT = 60
LONG = os.environ.get("SEXTANT_PACKAGING") == "long"
# systemd-analyze's exposure, times ten: 0 is closed, 100 open. Its own services have some 20 to 90.
MOST_EXPOSURE = 20


def unit(name):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(PACKAGING / name)
    return parser


class PackagingTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-packaging-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith(("SEXTANT", "NOTIFY", "WATCHDOG", "LISTEN"))}

    def moved(self, text):
        """The paths of an installed system as paths of this test."""
        for path in ("/etc/sextant", "/var/lib/sextant", "/var/log/sextant"):
            text = text.replace(path, str(self.folder) + path)
        return text.replace("/usr/bin/", f"{BIN}/")

    def install(self):
        for path in ("etc/sextant", "var/lib/sextant/backups", "var/log/sextant"):
            (self.folder / path).mkdir(parents=True)
        (self.folder / "etc/sextant/sextantd.toml").write_text(self.moved((PACKAGING / "sextantd.toml").read_text()))

    def test_the_units_own_command_serves_and_stops_as_it_says(self):
        self.install()
        service = unit("sextantd.service")["Service"]
        self.assertEqual(service["Type"], "notify")
        # The unit makes the folders that the configuration names, closed to others.
        self.assertEqual(service["StateDirectory"].split(), ["sextant", "sextant/backups"])
        self.assertEqual((service["LogsDirectory"], service["UMask"], service["User"]), ("sextant", "0077", "sextant"))
        inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(inbox.close)
        inbox.bind(str(self.folder / "notify"))
        inbox.settimeout(TIMEOUT)
        # A port of the test's own, as an operator would say it: a variable wins over the file.
        environment = {**self.environment, "SEXTANTD_LISTEN": "127.0.0.1:0", "NOTIFY_SOCKET": str(self.folder / "notify"),
                       "WATCHDOG_USEC": "900000"}
        command = shlex.split(self.moved(service["ExecStart"]))
        server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                  preexec_fn=lambda: os.umask(int(service["UMask"], 8)))
        self.addCleanup(lambda: (server.kill(), server.wait(), server.stderr.close()))
        ready = inbox.recv(4096).decode()
        self.assertTrue(ready.startswith("READY=1\n"), ready)
        address = re.search(r"127\.0\.0\.1:\d+", ready).group()
        done = subprocess.run([BIN / "sextant", "--server", address, "studies", "create", "s"], capture_output=True, text=True,
                              timeout=TIMEOUT, env={**self.environment, "HOME": str(self.folder)})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(inbox.recv(4096), b"WATCHDOG=1")
        # What it wrote is where the configuration says, and its user's alone.
        for path in ("var/lib/sextant/sextant.db", "var/log/sextant/audit.jsonl"):
            self.assertEqual((self.folder / path).stat().st_mode & 0o077, 0, path)
        self.assertIn("CreateStudy", (self.folder / "var/log/sextant/audit.jsonl").read_text())
        # ExecReload opens the audit log again, for logrotate.
        (self.folder / "var/log/sextant/audit.jsonl").rename(self.folder / "old.jsonl")
        self.assertIn("kill -HUP $MAINPID", service["ExecReload"])
        subprocess.run(service["ExecReload"].replace("$MAINPID", str(server.pid)), shell=True, check=True)
        while not (self.folder / "var/log/sextant/audit.jsonl").exists():
            self.assertIsNone(server.poll())
        server.terminate()
        self.assertEqual(server.wait(timeout=TIMEOUT), 0)

    def test_systemd_takes_the_units(self):
        analyze = shutil.which("systemd-analyze")
        if analyze is None:
            self.skipTest("no systemd-analyze")
        for name in ("sextantd.service", "sextantd.socket"):
            text = (PACKAGING / name).read_text().replace("/usr/bin/sextantd", str(BIN / "sextantd"))
            (self.folder / name).write_text(text)
        done = subprocess.run([analyze, "verify", "--man=no", self.folder / "sextantd.service", self.folder / "sextantd.socket"],
                              capture_output=True, text=True, timeout=TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stderr)
        ours = [line for line in done.stderr.splitlines() if "sextantd" in line]
        self.assertEqual(ours, [])
        done = subprocess.run([analyze, "security", "--offline=yes", f"--threshold={MOST_EXPOSURE}", "--no-pager",
                               self.folder / "sextantd.service"], capture_output=True, text=True, timeout=TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_maintainer_scripts_are_scripts_and_purge_what_the_units_make(self):
        for script in sorted((PACKAGING / "debian").glob("*.p*")):
            done = subprocess.run(["sh", "-n", script], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
        postrm = (PACKAGING / "debian" / "server.postrm").read_text()
        postinst = (PACKAGING / "debian" / "server.postinst").read_text()
        for path in ("/var/lib/sextant", "/var/log/sextant", "/etc/sextant"):
            self.assertIn(path, postrm)
        for path in ("/var/lib/sextant/backups", "/var/log/sextant"):
            self.assertIn(path, postinst)
        # The socket that the package enables for nobody is the address that the configuration has.
        listen = unit("sextantd.socket")["Socket"]["ListenStream"]
        self.assertIn(f'listen = ["{listen}"]', (PACKAGING / "sextantd.toml").read_text())

    @unittest.skipUnless(LONG, "SEXTANT_PACKAGING=long")
    def test_packages_and_tarball_in_a_debian_root(self):
        build = os.environ["SEXTANT_BUILD_DIR"]
        subprocess.run(["cmake", "--build", build, "--target", "packages"], check=True)
        done = subprocess.run([PACKAGING / "test_deb.sh", pathlib.Path(build) / "packages"])
        if done.returncode == 77:
            self.skipTest("test_deb.sh says why")
        self.assertEqual(done.returncode, 0)
        if shutil.which("patchelf") is None:
            self.skipTest("no patchelf: the tarball was not tried")
        tarball = self.folder / "sextant.tar.gz"
        subprocess.run([PACKAGING / "make_tarball.sh", build, tarball], check=True)
        root = self.folder / "root"
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", root], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([PACKAGING / "test_tarball.sh", tarball, root], check=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
