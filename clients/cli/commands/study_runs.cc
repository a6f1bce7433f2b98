// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/study_runs.h"

#include <iterator>

#include "clients/cli/commands/paging.h"
#include "clients/cli/commands/study_words.h"
#include "sextant/v1/run_service.grpc.pb.h"

namespace sextant::cli {

int ReadRuns(Session& session, const std::string& study_name, const std::string& filter,
             const std::vector<std::string>& paths, std::vector<v1::Run>* runs) {
  constexpr int kPage = 10'000;
  v1::ListRunsRequest request;
  request.set_parent(study_name);
  request.set_filter(filter);
  request.set_page_size(kPage);
  for (const std::string& path : paths) request.mutable_read_mask()->add_paths(path);
  return ForEachPage(session, &v1::RunService::Stub::ListRuns, request, [&](v1::ListRunsResponse page) {
    std::move(page.mutable_runs()->begin(), page.mutable_runs()->end(), std::back_inserter(*runs));
    return true;
  });
}

std::optional<double> ParamsOf(const v1::Study& study, const v1::Run& run) {
  const auto* field = v1::Run::descriptor()->FindFieldByName(ParamsFieldOf(study.param_count()));
  if (field == nullptr || !run.GetReflection()->HasField(run, field)) return std::nullopt;
  return run.GetReflection()->GetDouble(run, field);
}

std::string LossUnitText(v1::LossUnit unit) {
  switch (unit) {
    case v1::NATS_PER_BYTE:
      return "nats per byte";
    case v1::BITS_PER_BYTE:
      return "bits per byte";
    case v1::BITS_PER_TOKEN:
      return "bits per token";
    default:
      return "nats per token";
  }
}

}  // namespace sextant::cli
