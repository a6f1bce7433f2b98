// SPDX-License-Identifier: Apache-2.0
#include "server/observe/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <utility>

#include "server/access/rules.h"
#include "server/version.h"

namespace sextant::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::array<const char*, 17> kCodeNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};
constexpr std::size_t kUnknownCode = 2;

std::vector<ClientMetric::Label> Label(const std::string& name, const std::string& value) {
  if (name.empty()) return {};
  return {{name, value}};
}

ClientMetric CounterOf(std::int64_t value, std::vector<ClientMetric::Label> labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.counter.value = static_cast<double>(value);
  return metric;
}

ClientMetric HistogramOf(const DurationHistogram& histogram, std::vector<ClientMetric::Label> labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  std::uint64_t count = 0;
  for (std::size_t i = 0; i <= DurationHistogram::kEnds.size(); ++i) {
    count += static_cast<std::uint64_t>(histogram.count(i));
    ClientMetric::Bucket bucket;
    bucket.cumulative_count = count;
    bucket.upper_bound = i < DurationHistogram::kEnds.size() ? DurationHistogram::kEnds[i]
                                                             : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back(bucket);
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = histogram.sum();
  return metric;
}

MetricFamily Family(const std::string& name, const std::string& help, MetricType type) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

}  // namespace

void DurationHistogram::Observe(double seconds) {
  std::size_t bucket = 0;
  while (bucket < kEnds.size() && seconds > kEnds[bucket]) ++bucket;
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(seconds, std::memory_order_relaxed);
}

struct Metrics::Method {
  std::string name;
  std::array<std::atomic<std::int64_t>, kCodeNames.size()> calls{};
  DurationHistogram seconds;
};

Metrics::Metrics() {
  for (const Rule& rule : Rules()) {
    methods_.push_back(std::make_unique<Method>());
    methods_.back()->name = rule.method;
  }
  methods_.push_back(std::make_unique<Method>());
  methods_.back()->name = "other";
}

Metrics::~Metrics() = default;

void Metrics::CallEnded(int method, int code, double seconds) {
  Method& of = method < 0 ? *methods_.back() : *methods_[static_cast<std::size_t>(method)];
  const auto known =
      static_cast<std::size_t>(code) < kCodeNames.size() ? static_cast<std::size_t>(code) : kUnknownCode;
  of.calls[known].fetch_add(1, std::memory_order_relaxed);
  of.seconds.Observe(seconds);
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
}

void Metrics::AddGauge(const std::string& name, const std::string& help, const std::string& label,
                       const std::string& value, std::function<double()> read) {
  gauges_.push_back({name, help, label, value, std::move(read)});
}

std::string Metrics::Render() const {
  std::vector<MetricFamily> families;
  const auto counter = [&](const std::string& name, const std::string& help) -> MetricFamily& {
    return families.emplace_back(Family(name, help, MetricType::Counter));
  };
  auto& calls = counter("sextant_requests_total", "Calls that have ended, by method and gRPC code");
  for (const auto& method : methods_) {
    for (std::size_t code = 0; code < kCodeNames.size(); ++code) {
      const std::int64_t count = method->calls[code].load(std::memory_order_relaxed);
      // A series that has never moved is shown for success alone: alerts divide by it.
      if (count == 0 && code != 0) continue;
      calls.metric.push_back(CounterOf(count, {{"method", method->name}, {"code", kCodeNames[code]}}));
    }
  }
  auto& seconds = families.emplace_back(
      Family("sextant_request_seconds", "Time from a call's begin to its status", MetricType::Histogram));
  for (const auto& method : methods_) {
    seconds.metric.push_back(HistogramOf(method->seconds, Label("method", method->name)));
  }
  auto& runs = counter("sextant_uploaded_runs_total", "Runs of uploads, by what became of them");
  runs.metric.push_back(CounterOf(runs_accepted, Label("result", "accepted")));
  runs.metric.push_back(CounterOf(runs_duplicate, Label("result", "duplicate")));
  runs.metric.push_back(CounterOf(runs_rejected, Label("result", "rejected")));
  counter("sextant_uploaded_points_total", "Points of curves that uploads brought")
      .metric.push_back(CounterOf(points_uploaded));
  auto& fits = counter("sextant_fits_total", "Fits that have ended, by how");
  fits.metric.push_back(CounterOf(fits_succeeded, Label("result", "succeeded")));
  fits.metric.push_back(CounterOf(fits_failed, Label("result", "failed")));
  fits.metric.push_back(CounterOf(fits_cancelled, Label("result", "cancelled")));
  families
      .emplace_back(
          Family("sextant_fit_seconds", "Time from a fit's creation to its end", MetricType::Histogram))
      .metric.push_back(HistogramOf(fit_seconds));
  auto& backups = counter("sextant_backups_total", "Scheduled backups, by result");
  backups.metric.push_back(CounterOf(backups_made, Label("result", "made")));
  backups.metric.push_back(CounterOf(backups_failed, Label("result", "failed")));
  counter("sextant_audit_lines_lost_total", "Changes that the audit log could not take")
      .metric.push_back(CounterOf(audit_lines_lost));
  const auto gauge = [&](const std::string& name, const std::string& help, double value,
                         std::vector<ClientMetric::Label> labels) {
    if (families.back().name != name) families.push_back(Family(name, help, MetricType::Gauge));
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    families.back().metric.push_back(std::move(metric));
  };
  gauge("sextant_requests_in_flight", "Calls that have begun and not ended", static_cast<double>(in_flight_),
        {});
  gauge("sextant_last_backup_time_seconds", "When the last scheduled backup was made, Unix time; 0: never",
        static_cast<double>(last_backup_unix_seconds), {});
  for (const Gauge& each : gauges_) gauge(each.name, each.help, each.read(), Label(each.label, each.value));
  gauge("sextant_build_info", "1, with the version", 1, Label("version", kVersion));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace sextant::server
