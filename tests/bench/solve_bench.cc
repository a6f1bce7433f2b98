// SPDX-License-Identifier: Apache-2.0
// CPU time of fits on the runs of Besiroglu et al. 2024, how good they are, and how far from the limit that
// exp and log set. Machines throttle: everything is CPU time and ratios of one run.
//   solve_bench [--replicates 4000] [--json] [--no-reference] [--no-parallel]
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "fitting/least_squares/affine.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/replicates.h"
#include "tests/golden/chinchilla_data.h"

namespace sextant::fitting {
namespace {

double CpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Fastest of `repeats`: the others were disturbed.
template <typename Work>
double CpuOf(int repeats, Work work) {
  double best = 1e300;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const double begin = CpuSeconds();
    work();
    best = std::min(best, CpuSeconds() - begin);
  }
  return best;
}

struct Bench {
  std::shared_ptr<const Law> law = golden::ShippedLaw("loss-chinchilla");
  LawData used, all;
  bool json = false;
  int replicates = 4000;
  bool reference = true;
  bool parallel = true;

  void Print(const char* name, double value, const char* unit) const {
    if (json) {
      std::printf("{\"name\":\"%s\",\"value\":%.9g,\"unit\":\"%s\"}\n", name, value, unit);
    } else {
      std::printf("%-44s %12.6g %s\n", name, value, unit);
    }
  }

  FitResult Fit(const LawData& data, int count) const {
    SolveOptions options;
    options.replicates = count;
    options.bootstrap = BootstrapKind::kCase;
    options.diagnostics = false;
    absl::StatusOr<FitResult> fit = FitLaw(law, data, options);
    if (!fit.ok()) {
      std::fprintf(stderr, "%s\n", fit.status().ToString().c_str());
      std::exit(1);
    }
    return *std::move(fit);
  }

  void ColdFit() const {
    FitResult fit;
    const double cpu = CpuOf(9, [&] { fit = Fit(used, 0); });
    Print("cold_fit_cpu", cpu, "s");
    Print("cold_fit_objective", fit.objective, "sum of huber(1e-3)");
    Print("cold_fit_gap_to_known_optimum", fit.objective / 0.00101827401780060 - 1, "relative");
    Print("cold_fit_starts", static_cast<double>(fit.starts), "starts");
    Print("cold_fit_starts_at_optimum", static_cast<double>(fit.starts_at_optimum), "starts");
  }

  void Evaluation() const {
    const auto map = solve::ParameterMap::Make(law->spec(), {}, {});
    solve::Evaluator evaluator(law, all, *map, ResidualKind::kLog);
    const std::vector<double> point = {1.89, 6.2, 9.4, 0.35, 0.45};
    solve::Derivatives at;
    constexpr int kCount = 20000;
    const double cpu = CpuOf(5, [&] {
      for (int i = 0; i < kCount; ++i) evaluator.Evaluate(point, at);
    });
    Print("evaluation_with_hessian_245_points", 1e6 * cpu / kCount, "us");
    std::vector<double> values(all.size()), jacobian(5 * all.size()), second(4 * all.size()), natural(5);
    map->ToNatural(point, natural);
    const double law_cpu = CpuOf(5, [&] {
      for (int i = 0; i < kCount; ++i) {
        evaluator.bound().LogValuesAndSecondDerivatives(natural, values, jacobian, second);
      }
    });
    Print("of_which_the_law", 1e6 * law_cpu / kCount, "us");
  }

  // One replicate's own best of `starts`: the estimate, then random starts around it.
  void Bootstrap() const {
    FitResult fit;
    const double cold = CpuOf(3, [&] { fit = Fit(all, 0); });
    const double both = CpuOf(3, [&] { fit = Fit(all, replicates); });
    const double cpu = both - cold;
    Print("bootstrap_replicates", replicates, "resamples of 245 points");
    Print("bootstrap_cpu", cpu, "s");
    Print("bootstrap_contested", fit.diagnostics["replicates_contested"], "resamples");

    // What exp and log alone would take: 2 exp and 1 log a distinct point (63 per cent of 245) an evaluation.
    const double points = 0.632 * static_cast<double>(all.size());
    constexpr double kEvaluations = 17.3;
    std::vector<double> x(155), y(155);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = 0.3 + 0.01 * static_cast<double>(i);
    const double limit = static_cast<double>(replicates) * kEvaluations * points * ExpLogSeconds();
    Print("exp_throughput_limit", limit, "s (17.3 evaluations a resample)");
    Print("bootstrap_times_exp_limit", cpu / limit, "x");
    if (reference) AtOptimum(fit);
  }

  // Seconds for 2 exp and 1 log of one point at the throughput that the law's own kernels reach on a law that
  // is nothing else.
  static double ExpLogSeconds() {
    LawSpec spec;
    spec.id = "exp-only";
    spec.target = Target::kOther;
    spec.target_name = "y";
    spec.expression = "a * exp(b * x)";
    spec.variables.resize(1);
    spec.variables[0].name = "x";
    for (const char* name : {"a", "b"}) {
      spec.parameters.emplace_back();
      spec.parameters.back().name = name;
    }
    const auto compiled = Law::Compile(spec);
    if (!compiled.ok()) return 0;
    std::vector<double> x(1024), y(1024);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = 0.001 * static_cast<double>(i);
    const auto bound = BoundLaw::Bind(*compiled, {x});
    const std::vector<double> parameters = {2.0, -3.0};
    constexpr int kCount = 2000;
    const double cpu = CpuOf(5, [&] {
      for (int i = 0; i < kCount; ++i) bound->Values(parameters, y);
    });
    return 3 * cpu / kCount / static_cast<double>(x.size());
  }

  void AtOptimum(const FitResult& fit) const {
    const auto map = solve::ParameterMap::Make(law->spec(), {}, {});
    solve::Evaluator evaluator(law, all, *map, ResidualKind::kLog);
    solve::Polisher polisher(evaluator, Objective());
    const std::size_t n = all.size();
    std::vector<double> estimate(5), natural(5);
    for (std::size_t p = 0; p < 5; ++p) natural[p] = fit.parameters[p].estimate;
    map->ToWalked(natural, estimate);
    const solve::Resampler resampler(all, BootstrapKind::kCase, 1, std::vector<double>(n),
                                     std::vector<double>(n), 0);
    solve::Resample resample;
    int reached = 0;
    double worst = 0;
    for (int r = 0; r < replicates; ++r) {
      resampler.Draw(static_cast<std::uint64_t>(r), resample);
      evaluator.SetWeights(resample.weights);
      std::vector<double> own(5);
      map->ToWalked({fit.replicates.data() + 5 * r, 5}, own);
      const double value = polisher.Value(own);
      double best = polisher.Polish(estimate).value;
      RandomStream random(4711, static_cast<std::uint64_t>(r));
      for (int start = 0; start < 20; ++start) {
        std::vector<double> from = estimate;
        for (double& coordinate : from) coordinate *= 1 + 0.3 * (random.Uniform() - 0.5);
        best = std::min(best, polisher.Polish(from).value);
      }
      reached += value <= best * (1 + 1e-8);
      worst = std::max(worst, value / best - 1);
    }
    Print("bootstrap_at_optimum", 100.0 * reached / replicates, "% (reference: best of 21 starts)");
    Print("bootstrap_worst_gap", worst, "relative");
  }

  // Throughput of two threads over one, divided by what two spinning threads reach on this machine right now.
  void ParallelEfficiency() const {
    const auto spin = [](std::size_t blocks) {
      tbb::parallel_for(tbb::blocked_range<std::size_t>(0, blocks, 1), [](const auto& range) {
        for (std::size_t block = range.begin(); block < range.end(); ++block) {
          volatile double sink = 1;
          for (int i = 0; i < 400000; ++i) sink = sink * 1.0000001;
        }
      });
    };
    const int threads = std::max(2, static_cast<int>(std::thread::hardware_concurrency()));
    const auto speed_up = [&](const auto& work) {
      std::vector<double> ratios;
      for (int round = 0; round < 5; ++round) {
        double wall[2];
        for (int many = 0; many < 2; ++many) {
          tbb::task_arena arena(many == 1 ? threads : 1);
          const double begin = WallSeconds();
          arena.execute(work);
          wall[many] = WallSeconds() - begin;
        }
        ratios.push_back(wall[0] / wall[1]);
      }
      std::sort(ratios.begin(), ratios.end());
      return ratios[2];
    };
    const double fit = speed_up([&] { Fit(all, 2000); });
    const double ideal = speed_up([&] { spin(200); });
    Print("threads", threads, "");
    Print("bootstrap_speed_up", fit, "x");
    Print("spin_loop_speed_up", ideal, "x");
    Print("parallel_efficiency_against_spin_loop", fit / ideal, "");
  }
};

}  // namespace
}  // namespace sextant::fitting

int main(int argc, char** argv) {
  using sextant::fitting::Bench;
  Bench bench;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--json") bench.json = true;
    if (argument == "--no-reference") bench.reference = false;
    if (argument == "--no-parallel") bench.parallel = false;
    if (argument == "--replicates" && i + 1 < argc) bench.replicates = std::atoi(argv[++i]);
  }
  auto used = sextant::fitting::golden::ReadChinchillaRuns(false);
  auto all = sextant::fitting::golden::ReadChinchillaRuns(true);
  if (!used || !all || bench.law == nullptr) {
    std::fprintf(stderr, "solve_bench: %s\n", sextant::fitting::golden::kNoChinchillaRuns);
    return 77;
  }
  bench.used = std::move(*used);
  bench.all = std::move(*all);
  {
    // CPU time of one thread: idle workers of a second would be counted while they look for work.
    tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
    bench.ColdFit();
    bench.Evaluation();
    bench.Bootstrap();
  }
  if (bench.parallel) bench.ParallelEfficiency();
  return 0;
}
