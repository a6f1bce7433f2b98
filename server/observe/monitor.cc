// SPDX-License-Identifier: Apache-2.0
#include "server/observe/monitor.h"

#include <absl/strings/str_cat.h>
#include <httplib.h>

#include <thread>
#include <utility>

namespace sextant::server {
namespace {

constexpr int kMonitorThreads = 2;
constexpr int kMonitorPatienceSeconds = 5;
constexpr std::size_t kMaxMonitorBody = 1024;
constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

void Answer(bool good, httplib::Response& response) {
  response.status = good ? 200 : 503;
  response.set_content(good ? "ok\n" : "no\n", "text/plain");
}

}  // namespace

struct Monitor::Impl {
  explicit Impl(MonitorSources from) : sources(std::move(from)) {}
  MonitorSources sources;
  std::string address;
  httplib::Server server;
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<Monitor>> Monitor::Start(const std::string& address, MonitorSources sources) {
  auto impl = std::make_unique<Impl>(std::move(sources));
  httplib::Server& server = impl->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kMonitorThreads); };
  server.set_read_timeout(kMonitorPatienceSeconds);
  server.set_write_timeout(kMonitorPatienceSeconds);
  server.set_keep_alive_max_count(1);
  server.set_payload_max_length(kMaxMonitorBody);
  MonitorSources& from = impl->sources;
  server.Get("/metrics", [&from](const httplib::Request&, httplib::Response& response) {
    response.set_content(from.metrics(), kMetricsType);
  });
  server.Get("/healthz", [&from](const httplib::Request&, httplib::Response& response) {
    Answer(from.alive(), response);
  });
  server.Get("/readyz", [&from](const httplib::Request&, httplib::Response& response) {
    Answer(from.ready(), response);
  });
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  int port = std::atoi(address.substr(address.rfind(':') + 1).c_str());
  const bool bound = port == 0 ? (port = server.bind_to_any_port(host.c_str())) > 0
                               : server.bind_to_port(host.c_str(), port);
  if (!bound) return absl::UnavailableError(absl::StrCat("--metrics ", address, ": cannot listen there"));
  impl->address = absl::StrCat(address.substr(0, address.rfind(':') + 1), port);
  impl->thread = std::thread([&server] { server.listen_after_bind(); });
  return std::unique_ptr<Monitor>(new Monitor(std::move(impl)));
}

Monitor::Monitor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Monitor::~Monitor() {
  // A stop that comes before the loop has begun would be missed.
  while (!impl_->server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  impl_->server.stop();
  impl_->thread.join();
}

const std::string& Monitor::address() const { return impl_->address; }

}  // namespace sextant::server
