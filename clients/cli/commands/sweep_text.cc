// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/sweep_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/toml_text.h"

namespace sextant::cli {
namespace {

constexpr std::int64_t kWidthStep = 64, kWidest = 16384;
/// Published dense models have a width of 50 to 130 a layer; shapes within are equal to half a percent
/// (Kaplan et al. 2020).
constexpr double kTypicalAspect = 80;

// Four square matrices of attention and three of SwiGLU, whose width is floor(8 d / 3) rounded down to 64.
double ParamsOf(double d_model, double layers) {
  const double hidden = std::floor(std::floor(8 * d_model / 3) / 64) * 64;
  return layers * (4 * d_model * d_model + 3 * d_model * hidden);
}

}  // namespace

ModelSize NearestModel(double params_non_embedding) {
  ModelSize best;
  double least = HUGE_VAL;
  for (std::int64_t width = kWidthStep; width <= kWidest; width += kWidthStep) {
    const double one = ParamsOf(static_cast<double>(width), 1);
    const double layers = std::clamp(std::round(params_non_embedding / one), 1.0, 200.0);
    const double params = layers * one;
    // A miss in size counts most; of near ones the usual proportion wins.
    const double miss = std::fabs(std::log(params / params_non_embedding));
    const double aspect = std::fabs(std::log(static_cast<double>(width) / layers / kTypicalAspect));
    const double cost = 10 * miss + aspect;
    if (cost >= least) continue;
    least = cost;
    best = {width, static_cast<std::int64_t>(layers), params};
  }
  return best;
}

std::string SweepText(const std::string& name, const std::string& tokens_file, std::int64_t sequence_length,
                      const std::vector<SweepRunText>& runs) {
  std::string text = fmt::format(
      "# For sextant-train; set the token file before training.\n"
      "name = {}\n[data]\ntokens = {}\nvalidation_tokens = 2000000\nvalidation_windows = "
      "2048\n[model]\nsequence_length = {}\n",
      TomlString(name.substr(0, 100)), TomlString(tokens_file.empty() ? "text.tok" : tokens_file),
      sequence_length);
  for (const SweepRunText& run : runs) {
    const ModelSize size = NearestModel(run.params_non_embedding);
    const auto length = static_cast<double>(sequence_length);
    const double batch = std::max(1.0, std::round(run.batch_size_tokens / length)) * length;
    text += fmt::format(
        "\n# asked for: {:.6g} parameters, batch {:.6g}\n[[grid]]\nsizes = [{{d_model = {}, layers = "
        "{}}}]\ntokens = [{:.0f}]\n"
        "batch_size_tokens = [{:.0f}]\nlearning_rates = [{:.6g}]\nseeds = [{}]\n",
        run.params_non_embedding, run.batch_size_tokens, size.d_model, size.layers, run.tokens, batch,
        run.learning_rate, run.seed);
  }
  return text;
}

}  // namespace sextant::cli
