// SPDX-License-Identifier: Apache-2.0
// sextant plan: from a budget to a whole recipe. sextant shapes: models of a size.
#include <algorithm>
#include <array>

#include "base/numbers.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/plan_print.h"
#include "clients/cli/commands/plan_sweep.h"
#include "clients/cli/commands/sources.h"
#include "clients/cli/output/records.h"
#include "sextant/v1/planning_service.grpc.pb.h"

namespace sextant::cli {
namespace {

/// A number of the request, as a flag and as a field.
struct PlanNumber {
  const char* flag;
  void (v1::PlanRequest::*set)(double);
  void (v1::PlanRequest::*clear)();
  const char* help;
};
const PlanNumber kPlanNumbers[] = {
    {"--flops", &v1::PlanRequest::set_flops, &v1::PlanRequest::clear_flops,
     "training FLOPs; with --inference-tokens, those of inference too"},
    {"--gpus", &v1::PlanRequest::set_gpus, &v1::PlanRequest::clear_gpus,
     "GPUs; with --days, --gpu-flops and --mfu a budget"},
    {"--days", &v1::PlanRequest::set_days, &v1::PlanRequest::clear_days, "days of wall time"},
    {"--gpu-flops", &v1::PlanRequest::set_gpu_flops_per_second, &v1::PlanRequest::clear_gpu_flops_per_second,
     "peak of one GPU in FLOP/s (H100, BF16: 989e12)"},
    {"--mfu", &v1::PlanRequest::set_utilisation, &v1::PlanRequest::clear_utilisation,
     "share of the peak that training reaches (0.4 is 40 %)"},
    {"--target-loss", &v1::PlanRequest::set_target_loss, &v1::PlanRequest::clear_target_loss,
     "the cheapest run that reaches this loss"},
    {"--params", &v1::PlanRequest::set_params, &v1::PlanRequest::clear_params, "N is given"},
    {"--tokens", &v1::PlanRequest::set_tokens, &v1::PlanRequest::clear_tokens, "D is given"},
    {"--max-params", &v1::PlanRequest::set_max_params, &v1::PlanRequest::clear_max_params,
     "the largest N that fits"},
    {"--unique-tokens", &v1::PlanRequest::set_unique_tokens, &v1::PlanRequest::clear_unique_tokens,
     "more tokens than these are repeats"},
    {"--inference-tokens", &v1::PlanRequest::set_inference_tokens, &v1::PlanRequest::clear_inference_tokens,
     "tokens that the model will serve: 2 N FLOPs each"},
    {"--overtrain", &v1::PlanRequest::set_overtrain, &v1::PlanRequest::clear_overtrain,
     "tokens per parameter, as a multiple of the optimum's"},
    {"--max-batch-tokens", &v1::PlanRequest::set_max_batch_size_tokens,
     &v1::PlanRequest::clear_max_batch_size_tokens, "the largest batch that the devices allow"},
    {"--interval", &v1::PlanRequest::set_interval, &v1::PlanRequest::clear_interval,
     "coverage of the intervals [0.9]"},
    {"--tolerance", &v1::PlanRequest::set_tolerance, &v1::PlanRequest::clear_tolerance,
     "relative excess loss that bounds the valley of sizes [0.0025]"},
    {"--flops-per-param-token", &v1::PlanRequest::set_flops_per_param_token,
     &v1::PlanRequest::clear_flops_per_param_token, "training FLOPs per parameter and token [6]"}};
constexpr std::size_t kNumbers = std::size(kPlanNumbers);

struct ShapeOptions {
  std::optional<double> params;
  std::string param_count;
  std::optional<std::int64_t> vocabulary, sequence_length, head_width, queries_per_key, ff_matrices, experts,
      active_experts, shared_experts, limit;
  std::optional<double> ff_ratio, tolerance, least_aspect, most_aspect;
  bool tied_head = false;
};

struct PlanOptions {
  std::array<std::optional<double>, kNumbers> numbers;
  SourceOptions sources;
  std::vector<std::string> versus;
  bool ramp = false, shapes = false;
  ShapeOptions shape;
  std::string sweep, sweep_data = "text.tok";
};

v1::ListShapesRequest ShapesRequest(const ShapeOptions& o) {
  v1::ListShapesRequest r;
  if (o.params) r.set_params(*o.params);
  r.set_param_count(o.param_count);
  if (o.vocabulary) r.set_vocabulary(*o.vocabulary);
  r.set_tied_head(o.tied_head);
  if (o.sequence_length) r.set_sequence_length(*o.sequence_length);
  if (o.head_width) r.set_head_width(*o.head_width);
  if (o.queries_per_key) r.set_queries_per_key(*o.queries_per_key);
  if (o.ff_matrices) r.set_ff_matrices(*o.ff_matrices);
  if (o.ff_ratio) r.set_ff_ratio(*o.ff_ratio);
  if (o.experts) r.set_experts(*o.experts);
  if (o.active_experts) r.set_active_experts(*o.active_experts);
  if (o.shared_experts) r.set_shared_experts(*o.shared_experts);
  if (o.tolerance) r.set_tolerance(*o.tolerance);
  if (o.least_aspect) r.set_least_aspect(*o.least_aspect);
  if (o.most_aspect) r.set_most_aspect(*o.most_aspect);
  if (o.limit) r.set_limit(*o.limit);
  return r;
}

/// Applies "max-params=1B,unique-tokens=none" to a request.
int Change(const Session& session, const std::string& changes, v1::PlanRequest* request) {
  for (std::size_t at = 0; at < changes.size();) {
    const std::size_t end = std::min(changes.find_first_of(", ", at), changes.size());
    const std::string change = changes.substr(at, end - at);
    at = end + 1;
    if (change.empty()) continue;
    const std::size_t equals = change.find('=');
    const std::string name = change.substr(0, equals);
    const auto number = std::find_if(std::begin(kPlanNumbers), std::end(kPlanNumbers),
                                     [&](const PlanNumber& each) { return name == each.flag + 2; });
    if (number == std::end(kPlanNumbers) || equals == std::string::npos) {
      return session.FailUsage(
          "--versus does not know '" + Safe(change) + "'",
          "it takes flags of plan that hold numbers, as in --versus max-params=1B,flops=2e21; "
          "NAME=none drops one");
    }
    const std::string text = change.substr(equals + 1);
    if (text == "none") {
      (request->*number->clear)();
      continue;
    }
    const auto value = ParseNumber(text);
    if (!value) return session.FailUsage("--versus: '" + Safe(text) + "' is not a number");
    (request->*number->set)(*value);
  }
  return kExitOk;
}

int RunPlan(Session& session, const PlanOptions& options) {
  v1::PlanRequest request;
  for (std::size_t i = 0; i < kNumbers; ++i) {
    if (options.numbers[i]) (request.*kPlanNumbers[i].set)(*options.numbers[i]);
  }
  request.set_ramp(options.ramp);
  request.set_shapes(options.shapes);
  *request.mutable_shape() = ShapesRequest(options.shape);
  if (const int code = SetSources(session, options.sources, &request); code != kExitOk) return code;
  std::vector<v1::PlanRequest> requests = {request};
  for (const std::string& changes : options.versus) {
    requests.push_back(request);
    if (const int code = Change(session, changes, &requests.back()); code != kExitOk) return code;
  }
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::PlanResponse response;
  for (const v1::PlanRequest& each : requests) {
    v1::PlanResponse one;
    if (const int code = session.Call(&v1::PlanningService::Stub::Plan, each, &one); code != kExitOk)
      return code;
    response.MergeFrom(one);
  }
  if (!options.sweep.empty()) {
    SweepOptions sweep;
    sweep.path = options.sweep;
    sweep.data = options.sweep_data;
    sweep.shape = ShapesRequest(options.shape);
    if (const int code = WriteSweep(session, response, sweep); code != kExitOk) return code;
    if (options.sweep == "-") return kExitOk;
  }
  return PrintPlans(session, response);
}

int RunShapes(Session& session, const ShapeOptions& options) {
  if (!options.params)
    return session.FailUsage("--params is required", "for example: sextant shapes --params 1.2B");
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::ListShapesResponse response;
  if (const int code =
          session.Call(&v1::PlanningService::Stub::ListShapes, ShapesRequest(options), &response);
      code != kExitOk) {
    return code;
  }
  if (WantsJson(session)) return PrintJson(session, response);
  PrintShapes(session, response.shapes());
  return FlushStdout(session);
}

void AddShapeFlags(CLI::App* command, ShapeOptions* o) {
  command
      ->add_option("--param-count", o->param_count,
                   "what N counts: non-embedding (default), non-input-embedding, total, active")
      ->type_name("NAME");
  AddWholeNumber(command, "--vocabulary", &o->vocabulary, 2, 10'000'000, "tokens of the vocabulary [50304]");
  command->add_flag("--tied-head", o->tied_head, "the output head is the input embedding");
  AddWholeNumber(command, "--sequence-length", &o->sequence_length, 1, 100'000'000,
                 "tokens of a sequence [2048]");
  AddWholeNumber(command, "--head-width", &o->head_width, 1, 4096, "width of an attention head [64]");
  AddWholeNumber(command, "--queries-per-key", &o->queries_per_key, 1, 1024, "queries that share a key [1]");
  AddWholeNumber(command, "--ff-matrices", &o->ff_matrices, 2, 3, "of a feed-forward block: 3 is gated [3]");
  AddNumber(command, "--ff-ratio", &o->ff_ratio, "its width over the model's [8/3 gated, 4 not]");
  AddWholeNumber(command, "--experts", &o->experts, 1, 100'000, "experts of a mixture [1: dense]");
  AddWholeNumber(command, "--active-experts", &o->active_experts, 1, 100'000,
                 "experts that a token passes [1]");
  AddWholeNumber(command, "--shared-experts", &o->shared_experts, 0, 1000,
                 "experts that every token passes [0]");
}

}  // namespace

void AddPlan(CommandTree& tree) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App* command =
      tree.AddCommand(nullptr, "plan", "from a budget to a recipe: parameters, tokens, batch, learning rate",
                      {"sextant plan --flops 1e21", "sextant plan --flops 1e21 --study mine",
                       "sextant plan --gpus 64 --days 30 --gpu-flops 989e12 --mfu 0.4 --law chinchilla-epoch",
                       "sextant plan --target-loss 2.2 --inference-tokens 2T --law chinchilla-epoch",
                       "sextant plan --flops 1e22 --unique-tokens 25B --law muennighoff",
                       "sextant plan --flops 1e21 --law chinchilla-epoch --versus max-params=1B",
                       "sextant plan --flops 1e18 --study mine --sequence-length 512 --sweep run.toml",
                       "sextant plan --params 7B --study mine --ramp --shapes"});
  for (std::size_t i = 0; i < kNumbers; ++i) {
    AddNumber(command, kPlanNumbers[i].flag, &options->numbers[i], kPlanNumbers[i].help);
  }
  AddSources(command, &options->sources);
  command
      ->add_option("--versus", options->versus,
                   "a second plan, printed next to the first, with other numbers: "
                   "NAME=NUMBER[,NAME=NUMBER…], NAME=none drops "
                   "one; may be given again")
      ->type_name("CHANGES")
      ->allow_extra_args(false);
  command->add_flag("--ramp", options->ramp,
                    "a batch and rate in stages, from the critical batch along training");
  command->add_flag("--shapes", options->shapes, "layers and widths near the plan's size");
  AddShapeFlags(command, &options->shape);
  command
      ->add_option("--sweep", options->sweep, "write the plan as a sweep file of sextant-train; - for stdout")
      ->type_name("FILE");
  command->add_option("--sweep-data", options->sweep_data, "the token file that the sweep names")
      ->type_name("FILE")
      ->capture_default_str();
  tree.SetRun(command, [options](Session& session) { return RunPlan(session, *options); });
}

void AddShapes(CommandTree& tree) {
  auto options = std::make_shared<ShapeOptions>();
  CLI::App* command = tree.AddCommand(
      nullptr, "shapes", "layers and widths near a number of parameters, counted exactly",
      {"sextant shapes --params 1.2B", "sextant shapes --params 1.2B --param-count total --tied-head",
       "sextant shapes --params 8B --param-count total --experts 64 --active-experts 8 "
       "--shared-experts 1 --ff-ratio 0.5 --tolerance 0.1"});
  AddNumber(command, "--params", &options->params, "N");
  AddShapeFlags(command, options.get());
  AddNumber(command, "--tolerance", &options->tolerance, "largest relative distance from N [0.05]");
  AddNumber(command, "--least-aspect", &options->least_aspect, "least width over layers [32]");
  AddNumber(command, "--most-aspect", &options->most_aspect, "largest width over layers [192]");
  AddWholeNumber(command, "--limit", &options->limit, 1, 100, "shapes shown [10]");
  tree.SetRun(command, [options](Session& session) { return RunShapes(session, *options); });
}

}  // namespace sextant::cli
