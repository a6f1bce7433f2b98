// SPDX-License-Identifier: Apache-2.0
// A study's runs as a report shows them.
#pragma once

#include <string>
#include <vector>

#include "server/report/service_client.h"
#include "sextant/v1/run_service.pb.h"
#include "sextant/v1/study_service.pb.h"

namespace sextant::server::report {

/// One run; NaN where a value is not known.
struct ReportRun {
  std::string id;
  double params = 0, tokens = 0, rate = 0, batch = 0, loss = 0;
  char state = '?';  ///< f(inished), d(iverged), r(unning), c(rashed), x: excluded by hand
  int curve_points = 0;
  int cell = -1;  ///< of ReportStudy::cells; -1: none of those that are shown
};

/// Runs of one N and one D, within 0.5 % of D.
struct ReportCell {
  double params = 0, tokens = 0;
  int runs = 0, diverged = 0;
  const ReportRun* best = nullptr;  ///< the lowest loss that finished; null without one
};

struct ReportStudy {
  v1::Study study;
  std::vector<ReportRun> runs;    ///< by id
  std::vector<ReportCell> cells;  ///< by N, then D; they point into `runs`
};

grpc::Status ReadStudy(const ServiceClient& client, const std::string& name, ReportStudy* study);

/// A run's curve, at most `most` points; training loss, or validation loss where there is none.
struct ReportCurve {
  const ReportRun* run = nullptr;
  bool validation = false;
  std::vector<double> step, loss;
};
/// Curves of the best run of each of at most `count` cells.
grpc::Status ReadCurves(const ServiceClient& client, const ReportStudy& study, std::size_t count,
                        std::size_t most, std::vector<ReportCurve>* curves);

}  // namespace sextant::server::report
