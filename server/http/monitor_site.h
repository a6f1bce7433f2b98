// SPDX-License-Identifier: Apache-2.0
// What whoever watches asks for: /healthz, /readyz, /metrics.
#pragma once

#include <atomic>

#include "server/http/site.h"
#include "server/observe/monitor_sources.h"

namespace sextant::server::http {

/// GET /healthz (200 while sources.alive) and /readyz (200 while sources.ready and not `*stopping`); 503
/// otherwise. `sources` and `stopping` outlive the server.
void InstallProbes(httplib::Server& server, const MonitorSources& sources, const std::atomic<bool>& stopping);

/// The probes and GET /metrics, and nothing else.
class MonitorSite final : public Site {
 public:
  explicit MonitorSite(MonitorSources sources) : sources_(std::move(sources)) {}
  void Install(httplib::Server& server) override;
  void Stop(std::chrono::milliseconds patience) override;

 private:
  const MonitorSources sources_;
  std::atomic<bool> stopping_{false};
};

}  // namespace sextant::server::http
