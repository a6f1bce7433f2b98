#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The life of a token: made once, kept as a digest, revoked, ended by time; and that of the file of administrators."""
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import grpc
import service_process
from service_process import Sextantd, binaries

STUBS = tempfile.TemporaryDirectory(prefix="sextant-stubs-")
service_process.make_stubs(pathlib.Path(STUBS.name))
service_process.make_error_details(pathlib.Path(STUBS.name))
access_pb, access_grpc = service_process.message_module("access")
system_pb, system_grpc = service_process.message_module("system")

TIMEOUT = 60
PATIENCE = 30


class TokensTest(unittest.TestCase):
    def setUp(self):
        self.server = Sextantd(str(binaries() / "sextantd"))
        self.addCleanup(lambda: self.server.__exit__())

    def sextant(self, *arguments, token="", code=0, where=None):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SEXTANT_")}
        environment["SEXTANT_TOKEN"] = token
        done = subprocess.run([str(binaries() / "sextant"), *(where or ["--server", self.server.address]), *arguments],
                              capture_output=True, text=True, env=environment, timeout=TIMEOUT)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done.stdout.strip()

    def ping(self, token):
        try:
            system_grpc.SystemServiceStub(self.server.channel).Ping(
                system_pb.PingRequest(), timeout=TIMEOUT, metadata=(("authorization", "Bearer " + token),) if token else ())
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def wait_for(self, token, code):
        deadline = time.monotonic() + PATIENCE
        while self.ping(token) != code:
            self.assertLess(time.monotonic(), deadline, f"still {self.ping(token)}")
            time.sleep(0.1)

    def test_a_token_opens_the_server_until_it_is_revoked(self):
        self.assertEqual(self.ping(""), grpc.StatusCode.OK, "without tokens the server is open")
        self.sextant("tokens", "create", "anna", "--scope", "read", code=64 + 9)  # nobody could manage it
        self.assertEqual(self.ping(""), grpc.StatusCode.OK)
        admin = self.sextant("tokens", "create", "root", "--scope", "admin")
        self.assertTrue(admin.startswith("sxt_"), admin)
        self.assertEqual(self.ping(""), grpc.StatusCode.UNAUTHENTICATED)
        self.assertEqual(self.ping(admin), grpc.StatusCode.OK)
        reader = self.sextant("tokens", "create", "anna", "--scope", "read", "--study", "mine", token=admin)
        self.assertEqual(self.ping(reader), grpc.StatusCode.OK)
        self.sextant("tokens", "list", token=reader, code=64 + 7)
        listed = self.sextant("-o", "csv", "tokens", "list", token=admin)
        self.assertIn("anna", listed)
        self.assertNotIn(reader.rsplit("_", 1)[1], listed)
        identity = reader.split("_")[1]
        self.sextant("tokens", "revoke", identity, token=admin)
        self.assertEqual(self.ping(reader), grpc.StatusCode.UNAUTHENTICATED)
        self.assertEqual(self.ping(admin), grpc.StatusCode.OK)
        self.assertIn("revoked", self.sextant("-o", "csv", "tokens", "list", token=admin))
        # The last administrator may go; the server stays closed.
        self.sextant("tokens", "revoke", admin.split("_")[1], token=admin)
        self.assertEqual(self.ping(admin), grpc.StatusCode.UNAUTHENTICATED)
        self.assertEqual(self.ping(""), grpc.StatusCode.UNAUTHENTICATED)
        database = self.server.database
        stored = b"".join(path.read_bytes() for path in database.parent.glob("test.db*"))
        for token in (admin, reader):
            self.assertNotIn(token.encode(), stored)
            self.assertNotIn(token.rsplit("_", 1)[1].encode(), stored, "a secret is in the database")
        # Whoever may open the file makes a new one, and it is known after a restart.
        self.server.stop()
        again = self.sextant("tokens", "create", "new", "--scope", "admin", where=["--db", str(database)])
        restarted = Sextantd(str(binaries() / "sextantd"), database=database)
        self.addCleanup(restarted.__exit__)
        self.server = restarted
        self.assertEqual(self.ping(admin), grpc.StatusCode.UNAUTHENTICATED)
        self.assertEqual(self.ping(again), grpc.StatusCode.OK)

    def test_a_token_ends_by_its_time(self):
        admin = self.sextant("tokens", "create", "root", "--scope", "admin")
        short = self.sextant("tokens", "create", "anna", "--scope", "read", "--expires", "3s", token=admin)
        self.wait_for(short, grpc.StatusCode.UNAUTHENTICATED)
        self.assertEqual(self.ping(admin), grpc.StatusCode.OK)
        self.assertIn("expired", self.sextant("-o", "csv", "tokens", "list", token=admin))

    def test_what_is_wrong_with_a_token_is_said(self):
        access = access_grpc.AccessServiceStub(self.server.channel)
        with self.assertRaises(grpc.RpcError) as refused:
            access.CreateToken(access_pb.CreateTokenRequest(token=access_pb.AccessToken(
                scopes=[access_pb.SCOPE_ADMIN, 77], studies=["studies/a"], owner="")), timeout=TIMEOUT)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        for field in ("token.owner", "token.scopes", "token.studies"):
            self.assertIn(field, refused.exception.details())
        for name in ("tokens/none", "none"):
            with self.assertRaises(grpc.RpcError):
                access.RevokeToken(access_pb.RevokeTokenRequest(name=name), timeout=TIMEOUT)

    def test_the_file_of_administrators_is_read_again_by_itself(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = pathlib.Path(folder.name) / "tokens"
        file.write_text("first-administrator\n")
        file.chmod(0o600)
        server = Sextantd(str(binaries() / "sextantd"), ["--token-file", str(file)])
        self.addCleanup(server.__exit__)
        self.server.stop()
        self.server = server
        self.assertEqual(self.ping("first-administrator"), grpc.StatusCode.OK)
        made = self.sextant("tokens", "create", "anna", "--scope", "read", token="first-administrator")
        file.write_text("second-administrator\n")
        self.wait_for("second-administrator", grpc.StatusCode.OK)
        self.assertEqual(self.ping("first-administrator"), grpc.StatusCode.UNAUTHENTICATED)
        file.write_text("short\n")  # a mistake: the tokens stay as they were
        time.sleep(3)
        self.assertEqual(self.ping("second-administrator"), grpc.StatusCode.OK)
        self.assertEqual(self.ping(made), grpc.StatusCode.OK)


if __name__ == "__main__":
    unittest.main(verbosity=2)
