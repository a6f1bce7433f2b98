// SPDX-License-Identifier: Apache-2.0
#include "server/report/report_study.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "sextant/v1/run_service.grpc.pb.h"
#include "sextant/v1/study_service.grpc.pb.h"

namespace sextant::server::report {
namespace {

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();
constexpr int kRunsOfAPage = 10'000;
constexpr std::size_t kMostCells = 600;  // whose predictions are asked for

double ParamsOf(const v1::Study& study, const v1::Run& run) {
  switch (study.param_count()) {
    case v1::TOTAL:
      return run.has_params_total() ? run.params_total() : kNotKnown;
    case v1::NON_INPUT_EMBEDDING:
      return run.has_params_non_input_embedding() ? run.params_non_input_embedding() : kNotKnown;
    case v1::ACTIVE:
      return run.has_params_active() ? run.params_active() : kNotKnown;
    default:
      return run.has_params_non_embedding() ? run.params_non_embedding() : kNotKnown;
  }
}

char StateOf(const v1::Run& run) {
  if (std::find(run.labels().begin(), run.labels().end(), "excluded") != run.labels().end()) return 'x';
  switch (run.state()) {
    case v1::FINISHED:
      return 'f';
    case v1::DIVERGED:
      return 'd';
    case v1::RUNNING:
      return 'r';
    case v1::CRASHED:
      return 'c';
    default:
      return '?';
  }
}

// Runs of one N whose D differs by less: a horizon is rounded to whole steps of each batch (as
// fitting/optimum/cells.h).
constexpr double kSameTokens = 1.005, kSameParams = 1 + 1e-6;

void MakeCells(ReportStudy* study) {
  std::vector<ReportRun*> order;
  for (ReportRun& run : study->runs) {
    if (run.params > 0 && run.tokens > 0) order.push_back(&run);
  }
  std::stable_sort(order.begin(), order.end(), [](const ReportRun* a, const ReportRun* b) {
    return std::pair(a->params, a->tokens) < std::pair(b->params, b->tokens);
  });
  std::vector<ReportCell> cells;
  std::size_t first = 0;  // of `order`, in the last cell
  for (std::size_t i = 0; i < order.size(); ++i) {
    ReportRun& run = *order[i];
    if (cells.empty() || run.params > kSameParams * order[first]->params ||
        run.tokens > kSameTokens * order[first]->tokens) {
      cells.emplace_back();
      first = i;
    }
    ReportCell& cell = cells.back();
    run.cell = static_cast<int>(cells.size()) - 1;
    cell.params = run.params;
    cell.tokens = order[first + (i - first) / 2]->tokens;  // the median of those that came
    ++cell.runs;
    if (run.state == 'd') ++cell.diverged;
    const bool better =
        run.state == 'f' && std::isfinite(run.loss) && (cell.best == nullptr || run.loss < cell.best->loss);
    if (better) cell.best = &run;
  }
  // Of a table where hardly two runs share N and D, as of unplanned runs, a part stands for all.
  const std::size_t stride = std::max<std::size_t>(1, (cells.size() + kMostCells - 1) / kMostCells);
  for (std::size_t at = 0; at < cells.size(); at += stride) study->cells.push_back(cells[at]);
  for (ReportRun& run : study->runs) {
    const int at = run.cell;
    const auto step = static_cast<int>(stride);
    run.cell = at >= 0 && at % step == 0 ? at / step : -1;
  }
}

}  // namespace

grpc::Status ReadStudy(const ServiceClient& client, const std::string& name, ReportStudy* study) {
  v1::GetStudyRequest get;
  get.set_name(name);
  grpc::Status status = client.Call(&v1::StudyService::Stub::GetStudy, get, &study->study);
  if (!status.ok()) return status;
  v1::ListRunsRequest list;
  list.set_parent(name);
  list.set_page_size(kRunsOfAPage);
  for (const char* path : {"name", "params_non_embedding", "params_total", "params_active",
                           "params_non_input_embedding", "tokens", "learning_rate", "batch_size_tokens",
                           "loss_nats", "state", "labels", "curve_point_count"}) {
    list.mutable_read_mask()->add_paths(path);
  }
  const auto known = [](bool has, double value) { return has ? value : kNotKnown; };
  status = client.EachPage(&v1::RunService::Stub::ListRuns, list, [&](const v1::ListRunsResponse& page) {
    for (const v1::Run& run : page.runs()) {
      study->runs.push_back(
          {run.name().substr(run.name().rfind('/') + 1), ParamsOf(study->study, run),
           known(run.has_tokens(), run.tokens()), known(run.has_learning_rate(), run.learning_rate()),
           known(run.has_batch_size_tokens(), run.batch_size_tokens()),
           known(run.has_loss_nats(), run.loss_nats()), StateOf(run), run.curve_point_count()});
    }
    return true;
  });
  if (status.ok()) MakeCells(study);
  return status;
}

grpc::Status ReadCurves(const ServiceClient& client, const ReportStudy& study, std::size_t count,
                        std::size_t most, std::vector<ReportCurve>* curves) {
  for (const ReportCell& cell : study.cells) {
    if (curves->size() == count) break;
    if (cell.best == nullptr || cell.best->curve_points == 0) continue;
    v1::GetCurveRequest request;
    request.set_name(study.study.name() + "/runs/" + cell.best->id);
    v1::GetCurveResponse response;
    const grpc::Status status = client.Call(&v1::RunService::Stub::GetCurve, request, &response);
    if (!status.ok()) return status;
    ReportCurve curve;
    curve.run = cell.best;
    curve.validation = response.curve().train_loss().empty();
    const auto& losses =
        curve.validation ? response.curve().validation_loss() : response.curve().train_loss();
    std::vector<int> usable;
    for (int i = 0; i < losses.size(); ++i) {
      if (std::isfinite(losses[i]) && response.curve().step(i) > 0) usable.push_back(i);
    }
    const std::size_t stride = std::max<std::size_t>(1, (usable.size() + most - 1) / most);
    for (std::size_t i = 0; i < usable.size(); i += stride) {
      curve.step.push_back(static_cast<double>(response.curve().step(usable[i])));
      curve.loss.push_back(losses[usable[i]]);
    }
    if (!curve.step.empty()) curves->push_back(std::move(curve));
  }
  return grpc::Status::OK;
}

}  // namespace sextant::server::report
