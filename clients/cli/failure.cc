// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/failure.h"

#include <set>
#include <utility>

#include "base/printable.h"
#include "clients/cli/exit_codes.h"
#include "clients/cli/flag_terms.h"
#include "google/rpc/error_details.pb.h"

namespace sextant::cli {
namespace {

struct Details {
  google::rpc::ErrorInfo info;
  google::rpc::ResourceInfo resource;
  std::vector<std::string> lines;
  std::string retry;
};

Details ParseDetails(const grpc::Status& status) {
  Details details;
  google::rpc::Status rich;
  if (!rich.ParseFromString(status.error_details())) return details;
  for (const google::protobuf::Any& any : rich.details()) {
    google::rpc::BadRequest bad;
    google::rpc::PreconditionFailure precondition;
    google::rpc::QuotaFailure quota;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        details.lines.push_back(Safe(violation.field() + ": " + violation.description()));
      }
    } else if (any.UnpackTo(&precondition)) {
      for (const auto& violation : precondition.violations()) {
        details.lines.push_back(Safe(violation.subject() + ": " + violation.description()));
      }
    } else if (any.UnpackTo(&quota)) {
      for (const auto& violation : quota.violations()) {
        details.lines.push_back(Safe(violation.subject() + ": " + violation.description()));
      }
    } else if (any.UnpackTo(&retry)) {
      details.retry = std::to_string(retry.retry_delay().seconds());
    } else if (!any.UnpackTo(&details.info)) {
      any.UnpackTo(&details.resource);
    }
  }
  return details;
}

bool MeansWithheld(const std::string& reason) {
  static const auto* reasons =
      new std::set<std::string>{"DESIGN_NOT_IDENTIFIABLE", "ANSWER_WITHHELD", "EXTRAPOLATION_LIMIT"};
  return reasons->count(reason) > 0;
}

// The last part of a resource name.
std::string IdOf(const std::string& name) { return name.substr(name.rfind('/') + 1); }

std::string AdviceForReason(const std::string& reason, const std::string& resource) {
  const std::string id = IdOf(resource);
  if (reason == "STUDY_NOT_FOUND") {
    return "create it with `sextant studies create " + (id.empty() ? "ID" : id) +
           "`, or see `sextant studies list`";
  }
  if (reason == "RUN_NOT_FOUND") return "see `sextant runs list --study ID`";
  if (reason == "FIT_NOT_FOUND") return "see `sextant fits list --study ID`";
  if (reason == "LAW_NOT_FOUND") return "see `sextant laws list`";
  if (reason == "STUDY_EXISTS") return "choose another id, or see `sextant studies show " + id + "`";
  if (reason == "LAW_EXISTS") return "give the law another id";
  if (reason == "DESIGN_NOT_IDENTIFIABLE") {
    return "add runs that vary what is named above, or fit a law without it (see `sextant laws list`)";
  }
  if (reason == "FIT_NOT_READY") {
    return "`sextant fits create --study ID --law lr-power-nd` makes one; `sextant fits list --study ID` "
           "shows those that run or failed";
  }
  if (reason == "STORE_FULL")
    return "what was stored before is kept; make room, then run the same command again";
  if (reason == "STORE_READ_ONLY")
    return "copy the database to where it may be written and name that with --db";
  if (reason == "TOO_EARLY") return "ask again when the run has gone further";
  if (reason == "CURVE_UNUSABLE") return "give a curve with more usable points";
  if (reason == "EXTRAPOLATION_LIMIT") return "raise --max-extrapolation, or fit larger runs";
  if (reason == "ANSWER_WITHHELD") return "give what the laws above need, or name other laws with --law";
  return {};
}

std::string AdviceForCode(int code, const std::string& target, const std::string& retry) {
  switch (code) {
    case grpc::StatusCode::UNAVAILABLE:
      if (!retry.empty()) return "try again in " + retry + " s";
      return target.empty() ? "run `sextant doctor`"
                            : "run `sextant doctor --server " + target + "` to see why";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return retry.empty() ? "try again later" : "try again in " + retry + " s";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "give it longer with --timeout SECONDS";
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::OUT_OF_RANGE:
      return "correct the values; every command explains its flags with --help";
    case grpc::StatusCode::ABORTED:
      return "it changed meanwhile: look again, then repeat";
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
      return "ask whoever runs the server for access";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "client and server differ in version: compare `sextant version` with `sextant doctor`";
    default:
      return target.empty() ? "run `sextant doctor`"
                            : "see the server's log, or run `sextant doctor --server " + target + "`";
  }
}

}  // namespace

std::string Safe(const std::string& text) { return Printable(text); }

std::string SafeLines(const std::string& text) {
  std::string out;
  std::size_t start = 0;
  while (true) {
    const std::size_t end = text.find('\n', start);
    out += Safe(text.substr(start, end - start));
    if (end == std::string::npos) return out;
    out += '\n';
    start = end + 1;
  }
}

Failure FromServer(const grpc::Status& status, const std::string& target) {
  const Details details = ParseDetails(status);
  Failure failure;
  failure.what = Safe(status.error_message());
  if (failure.what.empty()) failure.what = "the server answered code " + std::to_string(status.error_code());
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && details.info.reason().empty() &&
      !target.empty()) {
    failure.what = "cannot reach " + target + ": " + failure.what;
  }
  for (const std::string& line : details.lines) {
    // "subject: description" that the message has said already.
    const std::size_t colon = line.find(": ");
    const std::string description = colon == std::string::npos ? line : line.substr(colon + 2);
    if (failure.what.find(description) == std::string::npos) failure.details.push_back(line);
  }
  failure.what = InFlagTerms(std::move(failure.what));
  for (std::string& line : failure.details) line = InFlagTerms(std::move(line));
  failure.advice = AdviceForReason(details.info.reason(), details.resource.resource_name());
  if (failure.advice.empty()) failure.advice = AdviceForCode(status.error_code(), target, details.retry);
  failure.exit_code =
      MeansWithheld(details.info.reason()) ? kExitWithheld : kExitServerBase + status.error_code();
  return failure;
}

Failure FromFitError(int code, const std::string& reason, const std::string& message) {
  Failure failure;
  failure.what = message.empty() ? "the fit failed" : InFlagTerms(Safe(message));
  failure.advice = AdviceForReason(reason, "");
  failure.exit_code = MeansWithheld(reason) ? kExitWithheld : kExitServerBase + code;
  return failure;
}

std::string AdviceForOpening(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
      return "--db FILE names another database, --server HOST:PORT a running sextantd";
    default:
      return {};
  }
}

Failure FromLocal(const absl::Status& status, const std::string& advice) {
  return {kExitLocal, Safe(std::string(status.message())), {}, advice};
}

}  // namespace sextant::cli
