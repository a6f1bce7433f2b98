#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays the grpcurl requests of the README through server reflection, with a small generic client of our own.

grpcurl is not packaged for Debian 12; like it, this client knows no proto beforehand: it asks the server for descriptors
(reflection v1, and v1alpha as a second pass), turns JSON into messages, calls, and turns the answer into JSON.
"""
import pathlib
import re
import shlex
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import service_process
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from service_process import ROOT, Sextantd, binaries

STUBS = tempfile.TemporaryDirectory(prefix="sextant-stubs-")
service_process.make_stubs(pathlib.Path(STUBS.name))
from system_protos.reflection.v1 import reflection_pb2  # noqa: E402

TIMEOUT = 60


def readme_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = []
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("grpcurl "):
                commands.append(shlex.split(line, comments=True))
    return commands


class Reflection:
    """What a server says of itself, asked under one of the two names of the service."""

    def __init__(self, channel, version):
        self.channel = channel
        self.call = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                                          reflection_pb2.ServerReflectionRequest.SerializeToString,
                                          reflection_pb2.ServerReflectionResponse.FromString)
        self.pool = descriptor_pool.DescriptorPool()
        self.added = set()

    def ask(self, **request):
        return next(self.call(iter([reflection_pb2.ServerReflectionRequest(**request)]), timeout=TIMEOUT))

    def services(self):
        return [service.name for service in self.ask(list_services="*").list_services_response.service]

    def service(self, name):
        files = {}
        for data in self.ask(file_containing_symbol=name).file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            files[file.name] = file

        def add(file):
            for dependency in file.dependency:
                add(files[dependency])
            if file.name not in self.added:
                self.added.add(file.name)
                self.pool.Add(file)

        for file in list(files.values()):
            add(file)
        return self.pool.FindServiceByName(name)

    def invoke(self, full_method, data):
        service_name, method_name = full_method.rsplit("/", 1)
        method = self.service(service_name).methods_by_name[method_name]
        factory = message_factory.MessageFactory(self.pool)
        request = json_format.Parse(data, factory.GetPrototype(method.input_type)(), descriptor_pool=self.pool)
        response = factory.GetPrototype(method.output_type)
        proto = descriptor_pb2.MethodDescriptorProto()
        method.CopyToProto(proto)
        kind = self.channel.unary_stream if proto.server_streaming else self.channel.unary_unary
        answer = kind(f"/{service_name}/{method_name}", type(request).SerializeToString, response.FromString)(
            request, timeout=TIMEOUT)
        messages = list(answer) if proto.server_streaming else [answer]
        return [json_format.MessageToDict(message, preserving_proto_field_name=True, descriptor_pool=self.pool)
                for message in messages]


def run_command(channel, version, words):
    """Does what `grpcurl WORDS` would; returns the answers, or the listed names."""
    data, positional = "{}", []
    at = 1
    while at < len(words):
        if words[at] == "-d":
            data, at = words[at + 1], at + 2
        elif words[at].startswith("-"):
            at += 1
        else:
            positional.append(words[at])
            at += 1
    reflection = Reflection(channel, version)
    _, *action = positional  # the first is the address
    if action == ["list"]:
        return reflection.services()
    if action[0] == "describe":
        return [reflection.service(action[1]).full_name]
    return reflection.invoke(action[0], data)


class ReadmeRequests(unittest.TestCase):
    def replay(self, version):
        commands = readme_commands()
        self.assertGreaterEqual(len(commands), 2, "README.md shows no grpcurl requests")
        with Sextantd(str(binaries() / "sextantd")) as daemon:
            for words in commands:
                with self.subTest(version=version, command=" ".join(words)):
                    self.assertIn("-plaintext", words)
                    self.assertTrue(run_command(daemon.channel, version, words))

    def test_through_reflection_v1(self):
        self.replay("v1")

    def test_through_reflection_v1alpha(self):
        self.replay("v1alpha")

    def test_health_can_be_described_and_called(self):
        with Sextantd(str(binaries() / "sextantd")) as daemon:
            for version in ("v1", "v1alpha"):
                answer = run_command(daemon.channel, version,
                                     ["grpcurl", "-plaintext", "x", "grpc.health.v1.Health/Check"])
                self.assertEqual(answer, [{"status": "SERVING"}])

    def test_every_listed_service_can_be_described(self):
        with Sextantd(str(binaries() / "sextantd")) as daemon:
            for version in ("v1", "v1alpha"):
                reflection = Reflection(daemon.channel, version)
                for name in reflection.services():
                    self.assertEqual(reflection.service(name).full_name, name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
