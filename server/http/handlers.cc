// SPDX-License-Identifier: Apache-2.0
#include "server/http/handlers.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "server/caller_peer.h"
#include "server/error.h"
#include "server/http/connect_call.h"
#include "server/http/limits.h"
#include "server/http/monitor_site.h"
#include "server/http/page.h"
#include "server/options.h"
#include "server/report/report_data.h"
#include "server/status.h"

namespace sextant::server::http {
namespace {

using google::protobuf::MethodDescriptor;

// A deadline of the protocol has at most ten digits.
constexpr std::size_t kMostTimeoutDigits = 10;
constexpr std::size_t kMostTokenBytes = 8 << 10;

void Refuse(httplib::Response& response, const grpc::Status& status) {
  response.status = HttpStatusOf(status.error_code());
  response.set_content(ErrorJson(status), "application/json");
}

// In the form that the caller's encoding asks for.
void Refuse(httplib::Response& response, const absl::Status& status, bool in_stream) {
  const grpc::Status answer = ToGrpc(status);
  if (!in_stream) return Refuse(response, answer);
  response.status = 200;
  response.set_content(Envelope(EndOfStreamJson(answer), true), "application/connect+json");
}

// The other end of a connection (PeerName) as gRPC names peers.
std::string GrpcPeer(const std::string& name) {
  if (name.find(':') == std::string::npos) return absl::StrCat("ipv4:", name, ":0");
  return absl::StrCat("ipv6:[", name.substr(0, name.find('/')), "]:0");
}

// "localhost:7434" as "localhost".
std::string HostOnly(std::string host) {
  const std::size_t colon = host.rfind(':');
  const bool is_bare_v6 = !host.empty() && host[0] != '[' && host.find(':') != colon;
  if (colon != std::string::npos && !is_bare_v6 && host.back() != ']') host.resize(colon);
  return host;
}

// Whoever calls: the token, and for whom the call counts.
absl::StatusOr<std::map<std::string, std::string>> MetadataOf(const httplib::Request& request) {
  std::map<std::string, std::string> metadata;
  if (request.has_header("Authorization")) {
    std::string token = request.get_header_value("Authorization");
    // gRPC aborts on metadata with other characters.
    const bool is_text =
        std::all_of(token.begin(), token.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
    if (!is_text || token.size() > kMostTokenBytes) return InvalidField("Authorization", "no bearer token");
    metadata["authorization"] = std::move(token);
  }
  metadata[kPeerMetadata] = GrpcPeer(request.remote_addr);
  return metadata;
}

absl::StatusOr<CallRequest> RequestOf(const MethodDescriptor& method, const httplib::Request& request) {
  CallRequest call;
  call.method = absl::StrCat("/", method.service()->full_name(), "/", method.name());
  ASSIGN_OR_RETURN(call.metadata, MetadataOf(request));
  if (request.has_header("Connect-Timeout-Ms")) {
    const std::string text = request.get_header_value("Connect-Timeout-Ms");
    std::uint64_t milliseconds = 0;
    const bool is_number = text.find_first_not_of("0123456789") == std::string::npos;
    if (text.size() > kMostTimeoutDigits || !is_number || !absl::SimpleAtoi(text, &milliseconds)) {
      return InvalidField("Connect-Timeout-Ms", "not a whole number of at most ten digits");
    }
    call.timeout = std::chrono::milliseconds(milliseconds);
  }
  return call;
}

absl::Status CheckVersion(const httplib::Request& request) {
  const std::string version = request.get_header_value("Connect-Protocol-Version");
  if (version.empty() || version == "1") return absl::OkStatus();
  return InvalidField("Connect-Protocol-Version", "only version 1 is spoken here");
}

}  // namespace

Handlers::Handlers(const HttpOptions& options, std::shared_ptr<grpc::Channel> channel)
    : options_(options),
      is_local_(std::all_of(options.listen.begin(), options.listen.end(), &IsLocalAddress)),
      channel_(std::move(channel)),
      bodies_("BODY_LIMIT", "bytes of HTTP bodies", kMaxBodies, kMaxBodiesPerPeer),
      reports_("REPORT_LIMIT", "reports", kMaxReports, kMaxReportsPerPeer) {}

bool Handlers::CheckShape(const httplib::Request& request, httplib::Response& response) {
  const bool is_call = request.method == "POST";
  const bool is_known =
      is_call || request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS";
  const bool has_length = request.has_header("Content-Length"),
             is_chunked = request.has_header("Transfer-Encoding");
  const bool is_clear = !(has_length && is_chunked) && request.get_header_value_count("Content-Length") <= 1;
  const bool has_body = is_chunked || (has_length && request.get_header_value("Content-Length") != "0");
  if (is_known && is_clear && (is_call || !has_body)) return true;
  Refuse(response,
         ToGrpc(InvalidField("request", "POST calls a method, GET reads the page; a body has one length")));
  if (!is_known) response.status = 405;
  return false;
}

bool Handlers::CheckOrigin(const httplib::Request& request, httplib::Response& response) const {
  const std::string host = request.get_header_value("Host");
  // A site that gives its own name the address 127.0.0.1 would be let in by its visitors' browsers otherwise.
  if (is_local_ && !host.empty() && !IsLocalAddress(HostOnly(host) + ":0")) {
    Refuse(response, ToGrpc(WithReason(
                         absl::PermissionDeniedError("this server answers on this machine alone: the request "
                                                     "was for another host name"),
                         "HOST_NOT_LOCAL")));
    return false;
  }
  const std::string origin = request.get_header_value("Origin");
  if (origin.empty() || origin == (options_.tls.wanted() ? "https://" : "http://") + host) return true;
  const auto& allowed = options_.allowed_origins;
  if (std::find(allowed.begin(), allowed.end(), origin) == allowed.end()) {
    Refuse(response,
           ToGrpc(WithReason(absl::PermissionDeniedError("pages of other sites may not call this server; "
                                                         "sextantd --http-allow-origin names those that may"),
                             "ORIGIN_NOT_ALLOWED")));
    return false;
  }
  response.set_header("Access-Control-Allow-Origin", origin);
  response.set_header("Vary", "Origin");
  return true;
}

absl::StatusOr<std::string> Handlers::ReadBody(const httplib::Request& request,
                                               const httplib::ContentReader& reader,
                                               std::unique_ptr<QuotaTicket>* ticket) {
  // The body, and the messages made of it. What is compressed, or does not say how long it is, may be as long
  // as any.
  std::uint64_t length = kMaxBodyBytes;
  const bool says_length = !request.has_header("Content-Encoding") &&
                           absl::SimpleAtoi(request.get_header_value("Content-Length"), &length);
  if (!says_length || length > kMaxBodyBytes) length = kMaxBodyBytes;
  ASSIGN_OR_RETURN(*ticket,
                   bodies_.Take(GrpcPeer(request.remote_addr), 2 * static_cast<std::int64_t>(length)));
  std::string body;
  bool is_long = false;
  const bool read = reader([&](const char* data, std::size_t size) {
    // Bytes that were compressed come out longer than what the library's own limit saw.
    is_long = body.size() + size > kMaxBodyBytes;
    if (!is_long) body.append(data, size);
    return !is_long;
  });
  if (is_long) {
    return QuotaExceeded("BODY_TOO_LONG", "body",
                         absl::StrCat("longer than ", kMaxBodyBytes >> 20, " MiB: send it in parts"), 0);
  }
  if (!read) return InvalidField("body", "cannot be read whole: it is cut short, or too long");
  return body;
}

// Counts what goes on, for an ordered stop.
class Handlers::Active {
 public:
  explicit Active(Handlers& handlers) : handlers_(handlers) {
    const std::lock_guard lock(handlers_.mutex_);
    ++handlers_.active_;
  }
  ~Active() {
    const std::lock_guard lock(handlers_.mutex_);
    if (--handlers_.active_ == 0) handlers_.idle_.notify_all();
  }
  Active(const Active&) = delete;
  Active& operator=(const Active&) = delete;

 private:
  Handlers& handlers_;
};

void Handlers::Stop(std::chrono::milliseconds patience) {
  stopped_ = true;
  std::unique_lock lock(mutex_);
  idle_.wait_for(lock, patience, [this] { return active_ == 0; });
  cancelled_ = true;
}

void Handlers::Call(const httplib::Request& request, httplib::Response& response,
                    const httplib::ContentReader& reader) {
  const auto encoding = EncodingOf(request.get_header_value("Content-Type"));
  const MethodDescriptor* method = FindMethod(request.path);
  absl::Status status;
  // What is not taken is read all the same: the next request on the connection begins behind it.
  const auto discard = [&] {
    if (reader([](const char*, std::size_t) { return true; })) return;
    LeftBytesFlag() = true;
    response.set_header("Connection", "close");
  };
  if (method == nullptr) {
    status = WithReason(absl::UnimplementedError("there is no such method"), "METHOD_UNKNOWN");
  } else if (!encoding.ok()) {
    discard();
    Refuse(response, ToGrpc(encoding.status()));
    response.status = 415;
    return;
  } else if (const bool streams = method->client_streaming() || method->server_streaming();
             streams != encoding->stream) {
    status =
        InvalidField("Content-Type", absl::StrCat(method->name(), streams ? " is a stream" : " is no stream",
                                                  ": use ", ContentTypeOf({encoding->json, streams})));
  } else {
    status = CheckVersion(request);
  }
  if (status.ok() && stopped_) status = TryLater("DRAINING", "the server is stopping", 5);
  std::unique_ptr<QuotaTicket> ticket;
  std::string body;
  if (status.ok()) {
    auto read = ReadBody(request, reader, &ticket);
    status = read.status();
    if (read.ok()) body = *std::move(read);
    LeftBytesFlag() = !read.ok();
    if (!read.ok()) response.set_header("Connection", "close");
  } else {
    discard();
  }
  if (!status.ok()) return Refuse(response, status, encoding.ok() && encoding->stream);
  if (encoding->stream) {
    Stream(*method, *encoding, request, body, response);
  } else {
    Unary(*method, *encoding, request, body, response);
  }
}

void Handlers::Unary(const MethodDescriptor& method, Encoding encoding, const httplib::Request& request,
                     const std::string& body, httplib::Response& response) {
  const Active active(*this);
  auto call = RequestOf(method, request);
  if (!call.ok()) return Refuse(response, call.status(), false);
  auto wire = ToWire(*method.input_type(), encoding.json, body);
  if (!wire.ok()) return Refuse(response, wire.status(), false);
  call->messages.push_back(*std::move(wire));
  std::string answer;
  const grpc::Status status = RunCall(
      channel_, *call,
      [&answer](std::string message) {
        answer = std::move(message);
        return true;
      },
      [this] { return !cancelled_; });
  if (!status.ok()) return Refuse(response, status);
  auto text = FromWire(*method.output_type(), encoding.json, answer);
  if (!text.ok()) return Refuse(response, text.status(), false);
  response.set_content(*std::move(text), ContentTypeOf(encoding));
}

void Handlers::Stream(const MethodDescriptor& method, Encoding encoding, const httplib::Request& request,
                      const std::string& body, httplib::Response& response) {
  auto call = RequestOf(method, request);
  auto envelopes = ReadEnvelopes(body);
  absl::Status status = call.ok() ? envelopes.status() : call.status();
  if (status.ok() && !method.client_streaming() && envelopes->size() != 1) {
    status = InvalidField("body", "takes exactly one message");
  }
  for (std::size_t i = 0; status.ok() && i < envelopes->size(); ++i) {
    auto wire = ToWire(*method.input_type(), encoding.json, (*envelopes)[i]);
    status = wire.status();
    if (wire.ok()) call->messages.push_back(*std::move(wire));
  }
  if (!status.ok()) return Refuse(response, status, true);
  response.set_chunked_content_provider(
      ContentTypeOf(encoding), [this, call = *std::move(call), encoding, type = method.output_type()](
                                   std::size_t, httplib::DataSink& sink) {
        const Active active(*this);
        absl::Status unreadable;
        const grpc::Status ended = RunCall(
            channel_, call,
            [&](const std::string& message) {
              auto text = FromWire(*type, encoding.json, message);
              if (!text.ok()) unreadable = text.status();
              const std::string out = text.ok() ? Envelope(*text) : std::string();
              return text.ok() && sink.write(out.data(), out.size());
            },
            [&] { return !cancelled_ && sink.is_writable(); });
        const std::string end = Envelope(EndOfStreamJson(unreadable.ok() ? ended : ToGrpc(unreadable)), true);
        sink.write(end.data(), end.size());
        sink.done();
        return true;
      });
}

void Handlers::Report(const httplib::Request& request, httplib::Response& response) {
  const Active active(*this);
  auto metadata = MetadataOf(request);
  absl::Status status = metadata.status();
  auto ticket = reports_.Take(GrpcPeer(request.remote_addr));
  if (status.ok()) status = ticket.status();
  if (!status.ok()) return Refuse(response, status, false);
  report::ReportRequest wanted;
  wanted.study = "studies/" + request.get_param_value("study");
  wanted.part = request.get_param_value("part") == "analyses" ? report::ReportPart::kAnalyses
                                                              : report::ReportPart::kStudy;
  wanted.metadata = *std::move(metadata);
  wanted.cancelled = [this] { return cancelled_.load(); };
  std::string json;
  const grpc::Status collected = report::CollectReport(channel_, wanted, &json);
  if (!collected.ok()) return Refuse(response, collected);
  response.set_content(std::move(json), "application/json");
}

void Handlers::Install(httplib::Server& server) {
  server.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    // The page needs nothing from elsewhere, and nothing may put it into a frame.
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_header("Cross-Origin-Resource-Policy", "same-origin");
    if (CheckShape(request, response) && CheckOrigin(request, response)) {
      return httplib::Server::HandlerResponse::Unhandled;
    }
    LeftBytesFlag() = true;  // of a body, if there is one
    response.set_header("Connection", "close");
    return httplib::Server::HandlerResponse::Handled;
  });
  server.Post("/.*", [this](const httplib::Request& request, httplib::Response& response,
                            const httplib::ContentReader& reader) { Call(request, response, reader); });
  InstallProbes(server, options_.monitoring, stopped_);
  server.Get("/report", [this](const httplib::Request& request, httplib::Response& response) {
    Report(request, response);
  });
  server.Get("/.*", [](const httplib::Request& request, httplib::Response& response) {
    const PageFile* file = FindPageFile(request.path);
    if (file == nullptr) {
      response.status = 404;
      return response.set_content("there is nothing at this address\n", "text/plain");
    }
    // Style and script are in the file itself; data come from this server alone.
    response.set_header("Content-Security-Policy",
                        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                        "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                        "frame-ancestors 'none'");
    response.set_content(std::string(file->text), std::string(file->content_type));
  });
  server.Options("/.*", [](const httplib::Request&, httplib::Response& response) {
    response.status = 204;
    if (!response.has_header("Access-Control-Allow-Origin")) return;
    response.set_header("Access-Control-Allow-Methods", "POST");
    response.set_header("Access-Control-Allow-Headers",
                        "Authorization, Connect-Protocol-Version, Connect-Timeout-Ms, Content-Type");
    response.set_header("Access-Control-Max-Age", "600");
  });
  server.set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
    Refuse(response, ToGrpc(WithReason(absl::InternalError("unexpected failure"), "INTERNAL")));
  });
}

}  // namespace sextant::server::http
