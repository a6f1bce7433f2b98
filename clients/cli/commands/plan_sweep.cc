// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/plan_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/toml_text.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/output_file.h"
#include "clients/cli/output/quantity.h"
#include "sextant/v1/planning_service.grpc.pb.h"

namespace sextant::cli {
namespace {

// What sextant-train takes (clients/trainer/model/shape.h says why; the command line does not link it).
constexpr std::int64_t kHeadWidth = 64, kMostWidth = 2048, kMostLayers = 128, kMostFfWidth = 16384;
constexpr std::int64_t kMostSequence = 4096;

/// A float that TOML reads as one.
std::string Real(double value) {
  std::string text = FormatRoundTrip(value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

int NearestShape(Session& session, const SweepOptions& options, double params, v1::ModelShape* shape) {
  v1::ListShapesRequest request = options.shape;
  request.set_params(params);
  request.set_head_width(kHeadWidth);
  request.set_limit(100);
  request.set_tolerance(0.25);
  request.set_least_aspect(16);
  request.set_most_aspect(256);
  v1::ListShapesResponse response;
  if (const int code = session.Call(&v1::PlanningService::Stub::ListShapes, request, &response);
      code != kExitOk) {
    return code;
  }
  for (const v1::ModelShape& each : response.shapes()) {
    if (each.width() > kMostWidth || each.layers() > kMostLayers || each.ff_width() > kMostFfWidth) continue;
    *shape = each;
    return kExitOk;
  }
  return session.FailLocal("sextant-train makes no model of " + FormatCount(params) + " parameters",
                           "it trains widths up to 2048 and up to 128 layers; plan with --max-params");
}

}  // namespace

int WriteSweep(Session& session, const v1::PlanResponse& response, const SweepOptions& options) {
  const std::int64_t sequence = options.shape.has_sequence_length() ? options.shape.sequence_length() : 2048;
  if (sequence > kMostSequence) {
    return session.FailUsage("sextant-train takes sequences of at most 4096 tokens", "set --sequence-length");
  }
  if (options.shape.experts() > 1 || options.shape.queries_per_key() > 1 || options.shape.tied_head() ||
      (options.shape.has_ff_matrices() && options.shape.ff_matrices() != 3)) {
    return session.FailUsage(
        "sextant-train makes dense models with gated feed-forward blocks and an untied head",
        "leave out --experts, --queries-per-key, --tied-head and --ff-matrices");
  }
  std::string text =
      "# A plan of sextant; docs/trainer.md describes the format.\nname = \"plan\"\n\n[data]\n";
  // Held out from the end, as the examples of docs/trainer.md have it.
  text += "tokens = " + TomlString(options.data) + "\nvalidation_tokens = 2000000\n\n[model]\n";
  text += fmt::format("sequence_length = {}\n\n", sequence);
  double beta2 = 0;
  std::string grids;
  for (const v1::Plan& plan : response.plans()) {
    const std::string source = Safe(plan.source());
    if (!plan.has_batch_size_tokens() || !plan.has_learning_rate()) {
      return session.FailLocal(
          source + ": the plan has no " + (plan.has_learning_rate() ? "batch" : "learning rate") +
              ", so no run can be written",
          "fit lr-power-nd and batch-power-d to the study, or add --law step-law-lr --law step-law-bs");
    }
    v1::ModelShape shape;
    if (const int code = NearestShape(session, options, plan.params().value(), &shape); code != kExitOk)
      return code;
    const auto whole = [](double value) { return std::max<std::int64_t>(1, std::llround(value)); };
    const std::int64_t sequences = whole(plan.batch_size_tokens().value() / static_cast<double>(sequence));
    const std::int64_t batch = sequences * sequence;
    const std::int64_t steps = whole(plan.tokens().value() / static_cast<double>(batch));
    grids +=
        "# " + source + (plan.constraints().empty() ? "" : ": " + Safe(plan.constraints())) + "\n[[grid]]\n";
    grids += fmt::format("sizes = [{{d_model = {}, layers = {}, ffn_hidden = {}}}]\n", shape.width(),
                         shape.layers(), shape.ff_width());
    grids += fmt::format("tokens = [{}]\nbatch_size_tokens = [{}]\nlearning_rates = [{}]\n", steps * batch,
                         batch, Real(plan.learning_rate().value()));
    if (plan.has_weight_decay()) grids += "weight_decays = [" + Real(plan.weight_decay().value()) + "]\n";
    grids += "\n";
    if (plan.has_adam_beta2()) {
      if (beta2 != 0 && beta2 != plan.adam_beta2().value()) {
        return session.FailLocal("the plans want different beta2, a sweep file has one",
                                 "write a sweep file per plan");
      }
      beta2 = plan.adam_beta2().value();
    }
    session.Note(source + ": " +
                 fmt::format("{} layers of width {} ({:+.1f} % parameters), {} sequences per batch, "
                             "{} steps",
                             shape.layers(), shape.width(), 100 * shape.relative_distance(), sequences,
                             steps));
  }
  if (beta2 > 0) text += "[optimizer]\nbeta2 = " + Real(beta2) + "\n\n";
  text += grids;
  OutputFile out(options.path);
  out.Write(text);
  return out.Close(session);
}

}  // namespace sextant::cli
