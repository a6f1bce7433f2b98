#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every RPC of the API against every scope, and against a token of another study. The RPCs come from the descriptors,
the expectations from SCOPES below: a new RPC that has no line there fails, and so does one that the server has no rule
for (it answers like one for administrators). Each request names a study that is there and one that is not: the answers
of a caller who may not use them must not differ."""
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import grpc
import service_process
from google.protobuf import descriptor_pool, message_factory
from service_process import ROOT, Sextantd, binaries

STUBS = tempfile.TemporaryDirectory(prefix="sextant-stubs-")
service_process.make_stubs(pathlib.Path(STUBS.name))
service_process.make_error_details(pathlib.Path(STUBS.name))
access_pb, access_grpc = service_process.message_module("access")
study_pb, study_grpc = service_process.message_module("study")

TIMEOUT = 60
FILE_TOKEN = "administrator-of-the-file"
# What each RPC asks for: the scope, and which studies. "named": those that the request names; "any": as named, and it may
# name none; "all": not for tokens of single studies.
SCOPES = {
    "ComparisonService.CompareStudies": ("read", "named"),
    "ConversionService.ConvertSetting": ("read", "any"),
    "CriticalBatchService.AnalyzeStepsToGoal": ("read", "any"),
    "CurveService.CompareSchedules": ("read", "any"),
    "PlanningService.ListShapes": ("read", "any"),
    "PlanningService.ProfileFloor": ("read", "named"),
    "PredictionService.PredictBatch": ("read", "any"),
    "RunService.DeleteRuns": ("write", "named"),
    "RunService.ExcludeRuns": ("write", "named"),
    "SuggestionService.SuggestRuns": ("read", "named"),
    "AccessService.CreateToken": ("admin", "all"),
    "AccessService.ListTokens": ("admin", "all"),
    "AccessService.RevokeToken": ("admin", "all"),
    "CriticalBatchService.EstimateCriticalBatch": ("read", "named"),
    "CurveService.ExtrapolateCurve": ("read", "any"),
    "CurveService.ForecastRun": ("read", "named"),
    "FitService.CancelFit": ("write", "named"),
    "FitService.CompareFits": ("read", "named"),
    "FitService.CreateFit": ("write", "named"),
    "FitService.DeleteFit": ("write", "named"),
    "FitService.GetFit": ("read", "named"),
    "FitService.ListFits": ("read", "named"),
    "FitService.WatchFit": ("read", "named"),
    "ForecastService.CreateForecast": ("write", "named"),
    "ForecastService.DeleteForecast": ("write", "named"),
    "ForecastService.GetForecast": ("read", "named"),
    "ForecastService.ListForecasts": ("read", "named"),
    "ForecastService.ScoreForecasts": ("write", "named"),
    "ForecastService.WatchRun": ("read", "named"),
    "LawService.CreateLaw": ("write", "all"),
    "LawService.DeleteLaw": ("write", "all"),
    "LawService.EvaluateLaw": ("read", "any"),
    "LawService.GetLaw": ("read", "any"),
    "LawService.ListLaws": ("read", "any"),
    "PlanningService.Plan": ("read", "any"),
    "PredictionService.Predict": ("read", "any"),
    "PredictionService.PredictPenalty": ("read", "named"),
    "RunService.DeleteRun": ("write", "named"),
    "RunService.GetCurve": ("read", "named"),
    "RunService.GetRun": ("read", "named"),
    "RunService.GetUpload": ("write", "named"),
    "RunService.LabelRuns": ("write", "named"),
    "RunService.ListRuns": ("read", "named"),
    "RunService.UploadRuns": ("write", "named"),
    "StudyService.CreateStudy": ("write", "named"),
    "StudyService.DeleteStudy": ("write", "named"),
    "StudyService.ExportStudy": ("read", "named"),
    "StudyService.GetStudy": ("read", "named"),
    "StudyService.ImportStudy": ("write", "named"),
    "StudyService.ListStudies": ("read", "any"),
    "StudyService.UpdateStudy": ("write", "named"),
    "SystemService.BackUp": ("admin", "all"),
    "SystemService.GetServerInfo": ("read", "any"),
    "SystemService.Ping": ("read", "any"),
}
REFUSALS = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


def every_rpc():
    """All methods of sextant.v1, by the descriptors of its protos."""
    methods = []
    pool = descriptor_pool.Default()
    for file in sorted((ROOT / "proto" / "sextant" / "v1").glob("*_service.proto")):
        stem = file.name.removesuffix(".proto")
        __import__(f"sextant.v1.{stem}_pb2")
        for service in pool.FindFileByName(f"sextant/v1/{file.name}").services_by_name.values():
            methods += service.methods
    return methods


def key(method):
    return f"{method.containing_service.name}.{method.name}"


def streams(method):
    """Whether each side streams: descriptors of this protobuf do not say in Python, the protos do."""
    from google.protobuf import descriptor_pb2
    proto = descriptor_pb2.ServiceDescriptorProto()
    method.containing_service.CopyToProto(proto)
    found = next(m for m in proto.method if m.name == method.name)
    return found.client_streaming, found.server_streaming


def text_fields(descriptor, path=(), depth=0):
    """Every text field of a message, as a path of names; inside messages, not inside lists of them or maps."""
    for field in descriptor.fields:
        if field.type == field.TYPE_STRING:
            yield (*path, field)
        elif field.type == field.TYPE_MESSAGE and field.label != field.LABEL_REPEATED and depth < 2:
            yield from text_fields(field.message_type, (*path, field), depth + 1)


def with_text(descriptor, path, text):
    request = message_factory.MessageFactory().GetPrototype(descriptor)()
    at = request
    for field in path[:-1]:
        at = getattr(at, field.name)
    if path[-1].label == path[-1].LABEL_REPEATED:
        getattr(at, path[-1].name).append(text)
    else:
        setattr(at, path[-1].name, text)
    return request


class ScopesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.token_file = tempfile.NamedTemporaryFile("w", delete=False)
        cls.token_file.write(FILE_TOKEN + "\n")
        cls.token_file.close()
        os.chmod(cls.token_file.name, 0o600)
        cls.server = Sextantd(str(binaries() / "sextantd"), ["--token-file", cls.token_file.name])
        cls.access = access_grpc.AccessServiceStub(cls.server.channel)
        cls.admin = cls.header(FILE_TOKEN)
        studies = study_grpc.StudyServiceStub(cls.server.channel)
        for study in ("mine", "other"):
            studies.CreateStudy(study_pb.CreateStudyRequest(study_id=study), metadata=cls.admin, timeout=TIMEOUT)
        cls.tokens = {}
        for scope in ("read", "write", "admin"):
            cls.tokens[scope] = cls.make([scope])
        cls.tokens["mine"] = cls.make(["read", "write"], ["studies/mine"])
        cls.methods = every_rpc()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        os.unlink(cls.token_file.name)

    @staticmethod
    def header(token):
        return (("authorization", "Bearer " + token),)

    @classmethod
    def make(cls, scopes, studies=()):
        token = access_pb.AccessToken(owner="test", studies=studies,
                                      scopes=[access_pb.Scope.Value("SCOPE_" + scope.upper()) for scope in scopes])
        return cls.access.CreateToken(access_pb.CreateTokenRequest(token=token), metadata=cls.admin,
                                      timeout=TIMEOUT).secret

    def call(self, method, request, token):
        """The code, reason and message of a call."""
        name = f"/{method.containing_service.full_name}/{method.name}"
        asks, answers = streams(method)
        response = message_factory.MessageFactory().GetPrototype(method.output_type)
        encode, decode = type(request).SerializeToString, response.FromString
        metadata = self.header(token) if token else ()
        channel = self.server.channel
        try:
            if asks and answers:
                list(channel.stream_stream(name, encode, decode)(iter([request]), metadata=metadata, timeout=TIMEOUT))
            elif asks:
                channel.stream_unary(name, encode, decode)(iter([request]), metadata=metadata, timeout=TIMEOUT)
            elif answers:
                list(channel.unary_stream(name, encode, decode)(request, metadata=metadata, timeout=TIMEOUT))
            else:
                channel.unary_unary(name, encode, decode)(request, metadata=metadata, timeout=TIMEOUT)
        except grpc.RpcError as error:
            return error.code(), service_process.reason(error), error.details()
        return grpc.StatusCode.OK, "", ""

    def empty(self, method):
        """A request that names nothing: a caller who may make it is told what it lacks."""
        return message_factory.MessageFactory().GetPrototype(method.input_type)()

    def test_every_rpc_has_a_rule(self):
        found = {key(method) for method in self.methods}
        self.assertEqual(found - set(SCOPES), set(), "say in SCOPES, and in server/access/rules.cc, who may call these")
        self.assertEqual(set(SCOPES) - found, set(), "these are no RPCs any more")

    def test_every_rpc_against_every_scope(self):
        tried = 0
        for method in self.methods:
            scope, reach = SCOPES[key(method)]
            request = self.empty(method)
            # Without a token, or with a wrong one, nothing is answered.
            for token in (None, "not-a-token-of-this-server", self.tokens["read"] + "x"):
                code, reason, _ = self.call(method, request, token)
                self.assertEqual((code, reason), (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REQUIRED"), key(method))
                tried += 1
            for held in ("read", "write", "admin"):
                code, reason, text = self.call(method, request, self.tokens[held])
                tried += 1
                if held in (scope, "admin"):
                    self.assertNotIn(code, REFUSALS, f"{key(method)} with {held}: {text}")
                else:
                    self.assertEqual((code, reason), (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"),
                                     f"{key(method)} with {held}")
            code, _, text = self.call(method, request, FILE_TOKEN)
            self.assertNotIn(code, REFUSALS, f"{key(method)} with the file's token: {text}")
            code, reason, _ = self.call(method, request, self.tokens["mine"])
            tried += 2
            if reach == "any":
                self.assertNotIn(code, REFUSALS, key(method))
            elif key(method) == "RunService.UploadRuns":
                self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT, "without a header it is about nothing")
            else:
                self.assertEqual((code, reason), (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"), key(method))
        print(f"{len(self.methods)} RPCs, {tried} calls with and without scopes")

    def test_no_field_lets_a_token_of_one_study_see_another(self):
        tried = 0
        for method in self.methods:
            for path in text_fields(method.input_type):
                field = ".".join(f.name for f in path)
                if key(method) == "RunService.UploadRuns" and not field.startswith("header."):
                    continue  # a chunk belongs to the study of the header before it
                answers = []
                for study in ("other", "nowhere"):
                    texts = [f"studies/{study}", f"studies/{study}/runs/r", f"studies/{study}/fits/f",
                             f"studies/{study}/uploads/u"]
                    if path[-1].name == "study_id":
                        texts = [study]
                    answers.append([self.call(method, with_text(method.input_type, path, text), self.tokens["mine"])
                                    for text in texts])
                    tried += len(texts)
                self.assertEqual(answers[0], answers[1], f"{key(method)}.{field} tells whether a study exists")
                if SCOPES[key(method)][1] != "any" or path[-1].name in ("study", "studies", "fit", "fits", "name", "parent"):
                    for code, reason, _ in answers[0]:
                        self.assertEqual((code, reason), (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"),
                                         f"{key(method)}.{field}")
        print(f"{tried} calls about another study")
        self.assertGreater(tried, 200)

    def test_a_token_of_one_study_lists_and_uses_that_one(self):
        studies = study_grpc.StudyServiceStub(self.server.channel)
        mine = self.header(self.tokens["mine"])
        listed = [study.name for study in studies.ListStudies(study_pb.ListStudiesRequest(), metadata=mine).studies]
        self.assertEqual(listed, ["studies/mine", "studies/published"])
        self.assertEqual(studies.GetStudy(study_pb.GetStudyRequest(name="studies/mine"), metadata=mine).name, "studies/mine")
        self.assertEqual(studies.GetStudy(study_pb.GetStudyRequest(name="studies/published"), metadata=mine).name,
                         "studies/published")
        with self.assertRaises(grpc.RpcError) as refused:
            studies.DeleteStudy(study_pb.DeleteStudyRequest(name="studies/published"), metadata=mine)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.PERMISSION_DENIED)


if __name__ == "__main__":
    unittest.main(verbosity=2)
