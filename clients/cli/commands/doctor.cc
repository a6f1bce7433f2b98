// SPDX-License-Identifier: Apache-2.0
#include <grpcpp/grpcpp.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <filesystem>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/probe.h"
#include "clients/cli/commands/restore_drill.h"
#include "clients/cli/embedded.h"
#include "clients/cli/output/records.h"
#include "clients/cli/output/text_table.h"
#include "sextant/v1/system_service.grpc.pb.h"

namespace sextant::cli {
namespace {

struct Check {
  std::string check, status, detail, advice;  // status: ok, warning, problem
};

std::string CpuLevel() {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return "avx512";
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? "avx2" : "sse2";
}

Check ServiceCheck(Session& session, const std::string& where, int* exit_code) {
  v1::GetServerInfoRequest request;
  request.set_check_integrity(true);
  v1::ServerInfo info;
  const grpc::Status status = session.TryCall(&v1::SystemService::Stub::GetServerInfo, request, &info);
  if (!status.ok()) {
    const Failure failure = FromServer(status, session.globals().server);
    *exit_code = failure.exit_code;
    return {where, "problem", failure.what, failure.advice};
  }
  std::string detail = "version " + info.version() + ", schema " + std::to_string(info.schema_version()) +
                       ", " + std::to_string(info.study_count()) + " studies, " +
                       std::to_string(info.law_count()) + " laws (" +
                       std::to_string(info.published_law_count()) + " published), " +
                       std::to_string(info.threads()) + " threads, kernels " + info.cpu_level() +
                       ", database " + info.database() + ", integrity " + info.integrity();
  Check check{where, "ok", Safe(detail), ""};
  if (info.integrity() != "ok" && !info.integrity().empty()) {
    *exit_code = kExitLocal;
    check.status = "problem";
    check.advice = "restore a backup; what can still be read can be listed with `sextant runs list -o jsonl`";
  } else if (info.version() != SEXTANT_VERSION) {
    check.status = "warning";
    check.advice = std::string("this is sextant ") + SEXTANT_VERSION + ": use the same version on both sides";
  }
  return check;
}

void CheckServer(Session& session, std::vector<Check>* checks, int* exit_code) {
  const std::string& target = session.globals().server;
  if (const std::string warning = ProxyWarning(target); !warning.empty()) {
    checks->push_back({"proxy", "warning", warning, "add it to no_proxy"});
  }
  const double timeout = session.globals().timeout_s > 0 ? session.globals().timeout_s : 5;
  const ProbeResult probe = ProbeServer(target, timeout);
  checks->push_back({"connection", probe.reachable ? "ok" : "problem", Safe(probe.what), Safe(probe.advice)});
  if (!probe.reachable) {
    *exit_code = kExitServerBase + grpc::StatusCode::UNAVAILABLE;
    return;
  }
  session.Connect();
  checks->push_back(ServiceCheck(session, "service", exit_code));
}

void CheckDatabase(Session& session, std::vector<Check>* checks, int* exit_code) {
  const std::string path = session.database();
  std::error_code error;
  if (path.empty()) {
    *exit_code = kExitLocal;
    checks->push_back(
        {"database", "problem", "no path: neither XDG_DATA_HOME nor HOME is set", "give --db FILE"});
  } else if (!std::filesystem::exists(path, error)) {
    checks->push_back(
        {"database", "ok", Safe(path) + " is not there yet; the first command that needs it makes it", ""});
  } else if (std::filesystem::is_regular_file(path, error) && std::filesystem::file_size(path, error) == 0 &&
             !error) {
    checks->push_back(
        {"database", "warning", Safe(path) + " is empty: it holds no study",
         "the next command makes a new database of it; if it held one, restore a backup first"});
  } else if (const absl::Status opened = session.TryConnect(); !opened.ok()) {
    *exit_code = kExitLocal;
    checks->push_back({"database", "problem", Safe(std::string(opened.message())), AdviceForOpening(opened)});
  } else {
    Check check = ServiceCheck(session, "database", exit_code);
    if (const std::string why = session.why_read_only(); !why.empty()) {
      check.detail += "; opened for reading only: " + Safe(why);
      if (check.status == "ok") check.status = "warning";
    }
    checks->push_back(std::move(check));
  }
}

void RenewChecksums(Session& session, std::vector<Check>* checks, int* exit_code) {
  const std::string path = session.database();
  std::error_code error;
  const bool is_there = !path.empty() && std::filesystem::exists(path, error);
  const absl::Status renewed =
      is_there ? EmbeddedServer::RenewChecksums(path) : absl::NotFoundError(path + " is not there");
  if (renewed.ok()) {
    checks->push_back({"checksums", "ok", "every page of " + Safe(path) + " has one, made now", ""});
    return;
  }
  *exit_code = kExitLocal;
  checks->push_back(
      {"checksums", "problem", Safe(std::string(renewed.message())), "the database is as it was"});
}

std::string Json(const std::vector<Check>& checks) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 1);
  writer.StartObject();
  writer.Key("checks");
  writer.StartArray();
  for (const Check& check : checks) {
    writer.StartObject();
    const auto member = [&](const char* key, const std::string& value) {
      writer.Key(key);
      writer.String(value.c_str());
    };
    member("check", check.check);
    member("status", check.status);
    member("detail", check.detail);
    member("advice", check.advice);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

int RunDoctor(Session& session, const std::string& drill_file, bool renew_checksums) {
  int exit_code = kExitOk;
  std::vector<Check> checks{
      {"sextant", "ok", std::string("version ") + SEXTANT_VERSION + ", gRPC " + grpc::Version(), ""},
      {"cpu", "ok", "kernels up to " + CpuLevel(), ""}};
  if (!drill_file.empty()) {
    for (const DrillStep& step : DrillRestore(drill_file)) {
      const bool good = step.status == "ok";
      if (!good) exit_code = kExitLocal;
      checks.push_back({"restore: " + step.what, step.status, step.detail,
                        good ? "" : "this backup does not restore: keep an older one"});
    }
  } else if (session.globals().server.empty()) {
    if (renew_checksums) RenewChecksums(session, &checks, &exit_code);
    CheckDatabase(session, &checks, &exit_code);
  } else {
    CheckServer(session, &checks, &exit_code);
  }
  const OutputFormat format = session.globals().output;
  std::string out;
  if (format == OutputFormat::kJson || format == OutputFormat::kJsonl) {
    out = Json(checks);
  } else if (format == OutputFormat::kCsv || format == OutputFormat::kTsv) {
    const char delimiter = format == OutputFormat::kTsv ? '\t' : ',';
    out = DelimitedLine({"check", "status", "detail", "advice"}, delimiter);
    for (const Check& check : checks) {
      out += DelimitedLine({check.check, check.status, check.detail, check.advice}, delimiter);
    }
  } else {
    TextTable table({{"check", false}, {"status", false}, {"detail", false}});
    for (const Check& check : checks) {
      table.Add({check.check, check.status,
                 check.detail + (check.advice.empty() ? "" : "\nhint: " + check.advice)});
    }
    out = format == OutputFormat::kMarkdown ? table.RenderMarkdown() : table.Render(session.color_stdout());
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  const int flushed = FlushStdout(session);
  return exit_code != kExitOk ? exit_code : flushed;
}

}  // namespace

void AddDoctor(CommandTree& tree) {
  auto drill_file = std::make_shared<std::string>();
  CLI::App* command = tree.AddCommand(
      nullptr, "doctor", "say what works, what does not, and why",
      {"sextant doctor", "sextant doctor --server 127.0.0.1:7433", "sextant doctor --renew-checksums",
       "sextant doctor --restore-drill sextant-20260131T120000Z.db"});
  command->add_option("--restore-drill", *drill_file, "restore a copy of this backup, and read all of it")
      ->type_name("FILE");
  auto renew = std::make_shared<bool>(false);
  command->add_flag(
      "--renew-checksums", *renew,
      "first give every page of the file of --db a checksum, as new ones have, or make them again "
      "where another program has changed it");
  tree.SetRun(command, [drill_file, renew](Session& session) {
    if (*renew && !session.globals().server.empty()) {
      return session.FailUsage("--renew-checksums is for a file of --db that no server has open");
    }
    return RunDoctor(session, *drill_file, *renew);
  });
}

}  // namespace sextant::cli
