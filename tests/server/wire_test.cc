// SPDX-License-Identifier: Apache-2.0
// What only a real socket shows: ports, addresses, tokens, health, reflection.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <sys/stat.h>

#include <fstream>

#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

class WireTest : public ServiceTest {
 protected:
  void StartOn(const std::string& address) {
    options.listen = {address};
    Start();
  }
  grpc::Status Ping(const std::string& address, const std::string& token = "") {
    Context context;
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    v1::PingResponse response;
    return v1::SystemService::NewStub(Connect(address))->Ping(&context, v1::PingRequest(), &response);
  }
};

TEST_F(WireTest, ReportsTheFreePortThatItGot) {
  StartOn("127.0.0.1:0");
  EXPECT_GT(server->port(), 0);
  EXPECT_EQ(server->addresses()[0], "127.0.0.1:" + std::to_string(server->port()));
  EXPECT_TRUE(Ping(server->addresses()[0]).ok());
}

TEST_F(WireTest, ServesUnixSockets) {
  StartOn("unix:" + folder + "/socket");
  EXPECT_EQ(server->port(), 0);
  EXPECT_TRUE(Ping("unix:" + folder + "/socket").ok());
}

TEST_F(WireTest, RefusesAPortThatIsTaken) {
  StartOn("127.0.0.1:0");
  ServerOptions second = options;
  second.database = folder + "/second.db";
  second.listen = server->addresses();
  auto other = Server::Create(second);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr(server->addresses()[0]));
}

TEST_F(WireTest, RefusesADatabaseThatIsInUse) {
  Start();
  auto other = Server::Create(options);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("--server"));
}

TEST_F(WireTest, AsksForATokenButNotForHealthAndReflection) {
  options.token_file = folder + "/tokens";
  {
    std::ofstream file(options.token_file);
    file << "# a comment\n0123456789abcdef-token\n";
  }
  chmod(options.token_file.c_str(), 0644);
  options.listen = {"127.0.0.1:0"};
  EXPECT_EQ(Server::Create(options).status().code(), absl::StatusCode::kPermissionDenied)
      << "a file that others can read is no secret";
  chmod(options.token_file.c_str(), 0600);
  Start();
  const std::string address = server->addresses()[0];
  EXPECT_EQ(Reason(Ping(address)), "TOKEN_REQUIRED");
  EXPECT_EQ(Ping(address, "wrong-token-0123456789").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(Ping(address, "0123456789abcdef-token").ok());

  Context health_context;
  grpc::health::v1::HealthCheckRequest check;
  grpc::health::v1::HealthCheckResponse health;
  EXPECT_TRUE(
      grpc::health::v1::Health::NewStub(Connect(address))->Check(&health_context, check, &health).ok());
  Context upload_context;
  auto upload = v1::RunService::NewStub(Connect(address))->UploadRuns(&upload_context);
  EXPECT_EQ(upload->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED) << "streams ask too";
  Context watch_context;
  auto watch = v1::FitService::NewStub(Connect(address))->WatchFit(&watch_context, v1::WatchFitRequest());
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(WireTest, SaysThatEachServiceIsServing) {
  StartOn("127.0.0.1:0");
  auto stub = grpc::health::v1::Health::NewStub(Connect(server->addresses()[0]));
  for (const char* service : {"", "sextant.v1.PredictionService", "sextant.v1.RunService"}) {
    Context context;
    grpc::health::v1::HealthCheckRequest request;
    grpc::health::v1::HealthCheckResponse response;
    request.set_service(service);
    ASSERT_TRUE(stub->Check(&context, request, &response).ok()) << service;
    EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING) << service;
  }
}

// v1 and v1alpha have the same messages; only the name of the method differs.
std::vector<std::string> AskReflection(const std::shared_ptr<grpc::Channel>& channel,
                                       const std::string& version,
                                       const grpc::reflection::v1::ServerReflectionRequest& request,
                                       grpc::reflection::v1::ServerReflectionResponse& response, bool& ok) {
  using Request = grpc::reflection::v1::ServerReflectionRequest;
  using Response = grpc::reflection::v1::ServerReflectionResponse;
  const std::string method = "/grpc.reflection." + version + ".ServerReflection/ServerReflectionInfo";
  const grpc::internal::RpcMethod rpc(method.c_str(), grpc::internal::RpcMethod::BIDI_STREAMING);
  Context context;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream(
      grpc::internal::ClientReaderWriterFactory<Request, Response>::Create(channel.get(), rpc, &context));
  ok = stream->Write(request) && stream->Read(&response);
  stream->WritesDone();
  stream->Finish();
  std::vector<std::string> services;
  for (const auto& service : response.list_services_response().service()) services.push_back(service.name());
  return services;
}

TEST_F(WireTest, DescribesItselfUnderBothReflectionNames) {
  StartOn("127.0.0.1:0");
  const auto channel = Connect(server->addresses()[0]);
  for (const char* version : {"v1", "v1alpha"}) {
    bool ok = false;
    grpc::reflection::v1::ServerReflectionRequest list;
    grpc::reflection::v1::ServerReflectionResponse answer;
    list.set_list_services("*");
    const auto services = AskReflection(channel, version, list, answer, ok);
    ASSERT_TRUE(ok) << version;
    EXPECT_THAT(services, Contains("sextant.v1.PredictionService")) << version;
    EXPECT_THAT(services, Contains("grpc.reflection.v1.ServerReflection")) << version;
    for (const std::string& service : services) {
      grpc::reflection::v1::ServerReflectionRequest describe;
      grpc::reflection::v1::ServerReflectionResponse file;
      describe.set_file_containing_symbol(service);
      AskReflection(channel, version, describe, file, ok);
      EXPECT_GT(file.file_descriptor_response().file_descriptor_proto_size(), 0)
          << version << " does not describe " << service;
    }
  }
}

TEST_F(WireTest, DescribesNothingWhenToldSo) {
  options.reflection = false;
  StartOn("127.0.0.1:0");
  for (const char* version : {"v1", "v1alpha"}) {
    bool ok = true;
    grpc::reflection::v1::ServerReflectionRequest list;
    grpc::reflection::v1::ServerReflectionResponse answer;
    list.set_list_services("*");
    AskReflection(Connect(server->addresses()[0]), version, list, answer, ok);
    EXPECT_FALSE(ok) << version;
  }
}

TEST_F(WireTest, RefusesAMessageOverTheLimit) {
  StartOn("127.0.0.1:0");
  Context context;
  v1::CreateLawRequest request;
  v1::Law law;
  request.set_toml(std::string(5 << 20, '#'));
  const auto status =
      v1::LawService::NewStub(Connect(server->addresses()[0]))->CreateLaw(&context, request, &law);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(WireTest, AnswersTheSameInProcessAndOverTheWire) {
  StartOn("127.0.0.1:0");
  v1::PredictRequest request;
  request.set_params(1e9);
  request.set_tokens(1e11);
  v1::PredictResponse near, far;
  Context one, two;
  ASSERT_TRUE(v1::PredictionService::NewStub(server->InProcessChannel())->Predict(&one, request, &near).ok());
  ASSERT_TRUE(
      v1::PredictionService::NewStub(Connect(server->addresses()[0]))->Predict(&two, request, &far).ok());
  EXPECT_EQ(near.DebugString(), far.DebugString());
}

}  // namespace
}  // namespace sextant::server
