// SPDX-License-Identifier: Apache-2.0
#include "server/observe/call_observer.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/message.h>

#include <chrono>
#include <utility>

#include "server/log.h"
#include "server/names.h"
#include "server/secret.h"

namespace sextant::server {
namespace {

using grpc::experimental::InterceptionHookPoints;

constexpr std::size_t kMaxCallIdBytes = 64, kMaxNamesInLine = 20, kMaxNameInLine = 300;

bool IsHex(std::string_view text) {
  for (const char c : text) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

// An id of the caller's own for this call, if it is one that a log can hold.
std::string CallId(std::string_view text) {
  if (text.empty() || text.size() > kMaxCallIdBytes) return "";
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || c == '.' || c == ':';
    if (!plain) return "";
  }
  return std::string(text);
}

std::string Header(const grpc::ServerContextBase& context, const char* name) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(name);
  return found == metadata.end() ? "" : std::string(found->second.data(), found->second.size());
}

void AddField(const char* name, const std::string& value, std::string& object) {
  absl::StrAppend(&object, object.empty() ? "" : ",", "\"", name, "\":", JsonString(value));
}

// The names of resources in a request's own fields: what a change was about.
void AddNames(const google::protobuf::Message& message, int depth, std::vector<std::string>& names) {
  using Field = google::protobuf::FieldDescriptor;
  const auto* reflection = message.GetReflection();
  std::vector<const Field*> fields;
  reflection->ListFields(message, &fields);
  for (const Field* field : fields) {
    if (names.size() >= kMaxNamesInLine) return;
    const std::string& name = field->name();
    if (field->is_repeated()) continue;
    if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
      if (depth > 0) AddNames(reflection->GetMessage(message, field), depth - 1, names);
    } else if (field->type() == Field::TYPE_STRING &&
               (name == "name" || name == "parent" || name == "study_id" || name == "run" || name == "fit" ||
                name == "law" || name == "owner")) {
      const std::string value = reflection->GetString(message, field);
      if (!value.empty())
        names.push_back(name == "study_id" ? StudyName(value) : value.substr(0, kMaxNameInLine));
    }
  }
}

class CallObserver final : public grpc::experimental::Interceptor {
 public:
  CallObserver(const Observers& observers, grpc::experimental::ServerRpcInfo& info)
      : observers_(observers), info_(info), method_(RuleIndexOf(info.method())) {
    observers_.metrics.CallBegan();
    const bool changes =
        method_ < 0 ? false : Rules()[static_cast<std::size_t>(method_)].scope != storage::kScopeRead;
    audits_ = observers_.audit != nullptr && changes;
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (audits_ && methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE)) {
      See(methods->GetRecvMessage());
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      End(methods->GetSendStatus());
    }
    methods->Proceed();
  }

 private:
  // The first message of a call says what it is about; a stream's later ones are its content.
  void See(const void* received) {
    if (seen_ || received == nullptr) return;
    seen_ = true;
    // Every message type derives from Message first and alone.
    AddNames(*static_cast<const google::protobuf::Message*>(received), 1, names_);
  }

  void End(const grpc::Status& status) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    observers_.metrics.CallEnded(method_, static_cast<int>(status.error_code()), seconds);
    if (!audits_ && !observers_.log_requests) return;
    const grpc::ServerContextBase& context = *info_.server_context();
    std::string id = CallId(Header(context, "x-request-id"));
    if (id.empty()) id = RandomHex(8);
    const std::string trace = TraceIdOf(Header(context, "traceparent"));
    if (audits_) Audit(context, status, id);
    if (observers_.log_requests) LogRequest(context, status, seconds, id, trace);
  }

  void Audit(const grpc::ServerContextBase& context, const grpc::Status& status, const std::string& id) {
    std::string object;
    AddField("time", NowAsText(), object);
    AddField("who", observers_.access.CallerName(context), object);
    AddField("from", context.peer(), object);
    AddField("method", Rules()[static_cast<std::size_t>(method_)].method, object);
    std::string what;
    for (const std::string& name : names_) absl::StrAppend(&what, what.empty() ? "" : ",", JsonString(name));
    absl::StrAppend(&object, ",\"what\":[", what, "]");
    absl::StrAppend(&object, ",\"code\":", static_cast<int>(status.error_code()));
    if (!status.ok()) AddField("error", status.error_message(), object);
    AddField("request_id", id, object);
    if (!observers_.audit->Append("{" + object + "}")) {
      observers_.metrics.audit_lines_lost.fetch_add(1, std::memory_order_relaxed);
      Log().error("the audit log did not take a line: {}", info_.method());
    }
  }

  void LogRequest(const grpc::ServerContextBase& context, const grpc::Status& status, double seconds,
                  const std::string& id, const std::string& trace) const {
    const auto micros = static_cast<std::int64_t>(seconds * 1e6);
    if (!LogsJson()) {
      Log().info("{} code={} us={} id={}{}{}{}{}", info_.method(), static_cast<int>(status.error_code()),
                 micros, id, trace.empty() ? "" : " trace=", trace, status.ok() ? "" : " ",
                 status.error_message());
      return;
    }
    std::string object;
    AddField("method", info_.method(), object);
    absl::StrAppend(&object, ",\"code\":", static_cast<int>(status.error_code()), ",\"us\":", micros);
    AddField("request_id", id, object);
    if (!trace.empty()) AddField("trace_id", trace, object);
    AddField("peer", context.peer(), object);
    if (!status.ok()) AddField("error", status.error_message(), object);
    LogFields("call", object);
  }

  const Observers& observers_;
  grpc::experimental::ServerRpcInfo& info_;
  const int method_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool audits_ = false, seen_ = false;
  std::vector<std::string> names_;
};

}  // namespace

grpc::experimental::Interceptor* CallObserverFactory::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* info) {
  return new CallObserver(observers_, *info);
}

std::string TraceIdOf(std::string_view traceparent) {
  // Version 00 has this form; later ones may go on behind it.
  if (traceparent.size() < 55 || (traceparent.size() > 55 && traceparent[55] != '-')) return "";
  if (traceparent[2] != '-' || traceparent[35] != '-' || traceparent[52] != '-') return "";
  const std::string_view version = traceparent.substr(0, 2), trace = traceparent.substr(3, 32);
  if (!IsHex(version) || version == "ff" || !IsHex(trace) || !IsHex(traceparent.substr(36, 16)) ||
      !IsHex(traceparent.substr(53, 2)) || trace.find_first_not_of('0') == std::string_view::npos) {
    return "";
  }
  if (version == "00" && traceparent.size() != 55) return "";
  return std::string(trace);
}

}  // namespace sextant::server
