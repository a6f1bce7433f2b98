// SPDX-License-Identifier: Apache-2.0
#include "server/http/monitor_site.h"

#include <httplib.h>

namespace sextant::server::http {
namespace {

constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

void AnswerProbe(bool good, httplib::Response& response) {
  response.status = good ? 200 : 503;
  response.set_content(good ? "ok\n" : "no\n", "text/plain");
}

}  // namespace

void InstallProbes(httplib::Server& server, const MonitorSources& sources,
                   const std::atomic<bool>& stopping) {
  server.Get("/healthz", [&sources](const httplib::Request&, httplib::Response& response) {
    AnswerProbe(!sources.alive || sources.alive(), response);
  });
  server.Get("/readyz", [&sources, &stopping](const httplib::Request&, httplib::Response& response) {
    AnswerProbe(!stopping && (!sources.ready || sources.ready()), response);
  });
}

void MonitorSite::Install(httplib::Server& server) {
  server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    response.set_header("X-Content-Type-Options", "nosniff");
    const bool reads = request.method == "GET" || request.method == "HEAD";
    const bool has_body =
        request.has_header("Transfer-Encoding") ||
        (request.has_header("Content-Length") && request.get_header_value("Content-Length") != "0");
    if (reads && !has_body) return httplib::Server::HandlerResponse::Unhandled;
    response.status = reads ? 400 : 405;
    LeftBytesFlag() = true;  // of a body, which nobody reads
    response.set_header("Connection", "close");
    return httplib::Server::HandlerResponse::Handled;
  });
  InstallProbes(server, sources_, stopping_);
  server.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
    response.set_content(sources_.metrics(), kMetricsType);
  });
}

void MonitorSite::Stop(std::chrono::milliseconds) { stopping_ = true; }

}  // namespace sextant::server::http
