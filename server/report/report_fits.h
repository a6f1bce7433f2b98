// SPDX-License-Identifier: Apache-2.0
// What a study's fits predict, as a report shows it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/report/report_study.h"
#include "sextant/v1/fit_service.pb.h"
#include "sextant/v1/law_service.pb.h"
#include "sextant/v1/prediction_service.pb.h"

namespace sextant::server::report {

/// One quantity at several places; NaN where it is not answered.
struct Values {
  std::vector<double> value, low, high;
  void Add(const v1::Quantity* quantity);
};

/// A law at one N (or at none, for laws that have no N), over its variable.
struct FitLine {
  double params = 0;  ///< NaN without
  std::vector<double> x;
  Values values;
};

struct ReportFit {
  v1::Fit fit;
  v1::Law law;
  std::string over;  ///< what the lines run over: D, N or C; empty where they cannot
  std::vector<FitLine> lines;
  Values at_cells;  ///< in the order of the study's cells
};

/// Predictions of the study over N and D, row by row of N.
struct ReportGrid {
  std::vector<double> params, tokens;
  struct Quantity {
    Values values, near_optimal;  ///< of the second low and high alone
  };
  std::map<std::string, Quantity> quantities;
  std::vector<std::string> warnings;  ///< at the largest run
};

/// The newest fit of each law that has succeeded, at most `most`.
grpc::Status ReadFits(const ServiceClient& client, const ReportStudy& study, std::size_t most,
                      std::vector<ReportFit>* fits);

grpc::Status ReadGrid(const ServiceClient& client, const ReportStudy& study, ReportGrid* grid);

}  // namespace sextant::server::report
