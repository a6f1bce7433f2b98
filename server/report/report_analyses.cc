// SPDX-License-Identifier: Apache-2.0
#include "server/report/report_analyses.h"

#include <set>
#include <string>

#include "sextant/v1/critical_batch_service.grpc.pb.h"
#include "sextant/v1/fit_service.grpc.pb.h"
#include "sextant/v1/study_service.grpc.pb.h"

namespace sextant::server::report {
namespace {

// Each analysis fits every fold or race: seconds on such a study, minutes on larger ones.
constexpr int kMostRunsAnalysed = 3000;
constexpr int kMostRaces = 60;

// The runs do not tell; anything else is an error.
bool SaysNothing(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::FAILED_PRECONDITION ||
         status.error_code() == grpc::StatusCode::INVALID_ARGUMENT ||
         status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
}

// What loss-average is of: the laws of the loss that were fitted, each by itself.
grpc::Status ReadLawsOfLoss(const ServiceClient& client, const std::string& study,
                            std::set<std::string>* laws) {
  v1::ListFitsRequest list;
  list.set_parent(study);
  list.set_page_size(1000);
  return client.EachPage(&v1::FitService::Stub::ListFits, list, [&](const v1::ListFitsResponse& page) {
    for (const v1::Fit& fit : page.fits()) {
      const bool of_runs = fit.state() == v1::FIT_SUCCEEDED && fit.data_source().empty();
      if (of_runs && fit.predicts() == "loss" && fit.averaged().empty()) laws->insert(fit.law());
    }
    return true;
  });
}

}  // namespace

grpc::Status ReadAnalyses(const ServiceClient& client, const std::string& study, ReportAnalyses* analyses) {
  v1::GetStudyRequest get;
  get.set_name(study);
  v1::Study size;
  grpc::Status status = client.Call(&v1::StudyService::Stub::GetStudy, get, &size);
  if (!status.ok() || size.run_count() == 0 || size.run_count() > kMostRunsAnalysed) return status;
  v1::EstimateCriticalBatchRequest batches;
  batches.set_parent(study);
  status =
      client.Call(&v1::CriticalBatchService::Stub::EstimateCriticalBatch, batches, &analyses->critical_batch);
  if (!status.ok() && !SaysNothing(status)) return status;
  if (!status.ok()) analyses->critical_batch.Clear();
  auto& cells = *analyses->critical_batch.mutable_cells();
  if (cells.size() > kMostRaces) cells.DeleteSubrange(kMostRaces, cells.size() - kMostRaces);
  for (v1::CriticalBatchCell& cell : cells) cell.clear_tradeoff();

  v1::CompareFitsRequest compare;
  compare.set_parent(study);
  status = client.Call(&v1::FitService::Stub::CompareFits, compare, &analyses->estimators);
  if (!status.ok() && !SaysNothing(status)) return status;
  if (!status.ok()) analyses->estimators.Clear();
  std::set<std::string> laws;
  status = ReadLawsOfLoss(client, study, &laws);
  if (!status.ok() || laws.size() < 2) return status;
  for (const std::string& law : laws) compare.add_laws(law);
  status = client.Call(&v1::FitService::Stub::CompareFits, compare, &analyses->laws);
  if (!status.ok() && !SaysNothing(status)) return status;
  if (!status.ok()) analyses->laws.Clear();
  return grpc::Status::OK;
}

}  // namespace sextant::server::report
