// SPDX-License-Identifier: Apache-2.0
// Numbers about a running server, for Prometheus.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace sextant::server {

/// Counts of durations in buckets. Thread-safe, without locks: a Predict takes microseconds.
class DurationHistogram {
 public:
  /// Upper ends, seconds; one more bucket holds the rest.
  static constexpr std::array<double, 12> kEnds = {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03,
                                                   0.1,    0.3,    1,     3,     10,   60};
  void Observe(double seconds);
  std::int64_t count(std::size_t bucket) const { return counts_[bucket].load(std::memory_order_relaxed); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::int64_t>, kEnds.size() + 1> counts_{};
  std::atomic<double> sum_{0};
};

/// Thread-safe. Counters start at zero with the process.
class Metrics {
 public:
  using Counter = std::atomic<std::int64_t>;

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// `method` is its place in the table of rules (access/rules.h), or -1; `code` gRPC's.
  void CallBegan() { in_flight_.fetch_add(1, std::memory_order_relaxed); }
  void CallEnded(int method, int code, double seconds);

  Counter runs_accepted{0}, runs_duplicate{0}, runs_rejected{0}, points_uploaded{0};
  Counter fits_succeeded{0}, fits_failed{0}, fits_cancelled{0};
  DurationHistogram fit_seconds;
  Counter backups_made{0}, backups_failed{0}, last_backup_unix_seconds{0};
  Counter audit_lines_lost{0};

  /// A number that is asked for when metrics are read. `labels` as in `queue="fits"`, or empty; several of
  /// one name follow each other. Before the first Render.
  void AddGauge(const std::string& name, const std::string& help, const std::string& label,
                const std::string& value, std::function<double()> read);

  /// All of them in Prometheus' text format 0.0.4.
  std::string Render() const;

 private:
  struct Method;
  struct Gauge {
    std::string name, help, label, value;
    std::function<double()> read;
  };
  std::vector<std::unique_ptr<Method>> methods_;  // one a rule, and one for other methods
  std::atomic<std::int64_t> in_flight_{0};
  std::vector<Gauge> gauges_;
};

}  // namespace sextant::server
