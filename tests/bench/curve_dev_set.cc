#include "tests/bench/curve_dev_set.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "fitting/curve/forms.h"
#include "fitting/curve/random.h"

namespace sextant::bench {
namespace {

using fitting::RandomStream;
using Shape = std::function<double(double)>;  // value at ln x

double Between(RandomStream& random, double low, double high) {
  return low + (high - low) * random.Uniform();
}
double LogBetween(RandomStream& random, double low, double high) {
  return std::exp(Between(random, std::log(low), std::log(high)));
}

// Error rates of classifiers on few labelled images as pre-training goes on: from near chance, through a fall
// that is steepest somewhere inside or before the range, towards a floor. ln x runs over about [0, 4.5].
Shape VisionShape(RandomStream& random) {
  const double top = Between(random, .6, .99), floor = std::max(0.0, Between(random, -.1, .3)) * top;
  const double middle = Between(random, -2.5, 2.5);
  switch (random.Below(7)) {
    case 0: {
      const double alpha = Between(random, 0, 2), c = Between(random, .25, .8);
      const double beta = std::exp(c * middle) * std::pow(top - floor, 1 - alpha);
      return [=](double u) { return fitting::CurveM4(std::exp(u), beta, -c, alpha, floor, top); };
    }
    case 1: {
      const double power = Between(random, .15, .5);
      return [=](double u) { return floor + (top - floor) * std::exp(-std::exp(power * (u - middle))); };
    }
    case 2: {
      const double c = Between(random, .2, .9);
      return [=](double u) { return floor + (top - floor) * std::pow(1 + std::exp(u - middle), -c); };
    }
    case 3: {
      const double width = Between(random, 1.2, 3.5);
      return [=](double u) {
        return floor + (top - floor) * .5 * std::erfc((u - middle) / width / std::sqrt(2.0));
      };
    }
    case 4: {
      const double first = Between(random, .02, .35), second = Between(random, -.2, .45),
                   sharp = Between(random, .2, 1);
      const double at = std::exp(Between(random, -.5, 3.5));
      return [=](double u) {
        const fitting::CurveBreak k{std::max(second, .02 - first), at, sharp};
        return fitting::CurveBnsl(std::exp(u), .3 * floor, .8 * top, first, {&k, 1});
      };
    }
    case 5: {
      // A population of classes, each learnt at its own place.
      std::vector<double> place, rate, share;
      double total = 0;
      for (int i = 0; i < 5; ++i) {
        place.push_back(middle + 1.8 * random.Normal());
        rate.push_back(Between(random, .5, 1.6));
        share.push_back(random.Uniform() + .1);
        total += share.back();
      }
      return [=](double u) {
        double sum = 0;
        for (int i = 0; i < 5; ++i) sum += share[i] / total / (1 + std::exp(rate[i] * (u - place[i])));
        return .5 * floor + (top - .5 * floor) * sum;
      };
    }
    default: {
      const double c = Between(random, .1, .6), size = Between(random, .4, .9);
      return [=](double u) { return .7 * floor + size * std::exp(-c * u); };
    }
  }
}

Shape LossShape(RandomStream& random, bool translation) {
  const double floor = translation ? Between(random, .6, 1.4) : Between(random, 1.2, 2.6);
  const double size = Between(random, .8, 3),
               c = translation ? Between(random, .15, .5) : Between(random, .12, .5);
  if (random.Uniform() < .35) {
    const double change = Between(random, -.6, .5) * c, at = std::exp(Between(random, 0, 3)),
                 f = Between(random, .2, 1);
    return [=](double u) {
      const fitting::CurveBreak k{change, at, f};
      return fitting::CurveBnsl(std::exp(u), floor, size, c, {&k, 1});
    };
  }
  return [=](double u) { return floor + size * std::exp(-c * u); };
}

DevCurve Draw(RandomStream& random, const std::string& family) {
  const bool vision = family == "vision", tasks = family == "tasks";
  const Shape shape = vision || tasks ? VisionShape(random) : LossShape(random, family == "translation");
  const double span = tasks ? Between(random, 2, 5) : Between(random, 2.5, 4.6);
  const int n = static_cast<int>(tasks    ? 7 + random.Below(8)
                                 : vision ? 15 + random.Below(45)
                                          : 10 + random.Below(20));
  double noise = vision  ? LogBetween(random, .002, .02)
                 : tasks ? LogBetween(random, .01, .05)
                         : LogBetween(random, .001, .006);
  // Slow wandering of one training run, and independent measurement noise.
  const double wander = Between(random, 0, .8) * noise, memory = .7;
  const bool even_in_x = random.Uniform() < .5;
  const double cut = std::log(Between(random, tasks ? .15 : .25, .6)) + span;
  double state = wander * random.Normal();
  DevCurve curve{family, {}, {}, {}, {}};
  for (int i = 0; i < n; ++i) {
    const double share = static_cast<double>(i) / (n - 1);
    const double low = std::exp(0.0), high = std::exp(span);
    const double u = even_in_x ? std::log(low + (high - low) * share) : span * share;
    state = memory * state + std::sqrt(1 - memory * memory) * wander * random.Normal();
    const double clean = shape(u);
    // Few test images make small errors noisier than large ones.
    const double sd = noise * (vision || tasks ? std::sqrt(.5 / std::max(clean, .02)) : 1);
    const double y = clean * std::exp(state + sd * random.Normal());
    const double x = std::exp(u + 14);
    (u <= cut ? curve.x : curve.tail_x).push_back(x);
    (u <= cut ? curve.y : curve.tail_y).push_back(y);
  }
  return curve;
}

struct Series {
  size_t head;
  std::vector<double> x, y;
};

}  // namespace

std::vector<DevCurve> SyntheticCurves(int count, uint64_t seed) {
  std::vector<DevCurve> curves;
  for (uint64_t stream = 0; static_cast<int>(curves.size()) < count; ++stream) {
    RandomStream random(seed, stream);
    const uint64_t pick = random.Below(92);
    DevCurve curve = Draw(random, pick < 72   ? "vision"
                                  : pick < 77 ? "translation"
                                  : pick < 82 ? "language"
                                              : "tasks");
    // Test sets of some thousand images do not resolve errors below a few per cent.
    if (curve.x.size() >= 4 && curve.tail_x.size() >= 2 && curve.tail_y.back() > .04)
      curves.push_back(std::move(curve));
  }
  return curves;
}

std::vector<DevCurve> PublicSeries() {
  const std::vector<Series> all = {
      // Loss at the best rate and batch against tokens, five sizes: Ajroldi et al. 2026, arXiv 2608.28308.
      {6,
       {6, 12, 20, 30, 50, 80, 120, 200, 300},
       {2.9250748, 2.8716272, 2.8386799, 2.8149222, 2.7960918, 2.7803479, 2.7685501, 2.7557257, 2.7467003}},
      {6,
       {6, 12, 20, 30, 50, 80, 120, 200, 300},
       {2.7122733, 2.6467511, 2.6028723, 2.5692049, 2.5401749, 2.5151212, 2.4969612, 2.4786155, 2.4654484}},
      {6,
       {6, 12, 20, 30, 50, 80, 120, 200, 300},
       {2.5711914, 2.4964984, 2.4480356, 2.4129872, 2.3755943, 2.3441577, 2.3208879, 2.2931056, 2.277091}},
      {6,
       {6, 12, 20, 30, 50, 80, 120, 200, 300},
       {2.4782234, 2.3950971, 2.3428594, 2.3049586, 2.2647753, 2.2310308, 2.204832, 2.1782965, 2.1597369}},
      {6,
       {6, 12, 20, 30, 50, 80, 120, 200, 300},
       {2.4273651, 2.3378576, 2.28262, 2.2417587, 2.1998863, 2.1641816, 2.1354089, 2.1037295, 2.0819239}},
      // Fine-tuning loss against samples: Lin et al. 2024, arXiv 2402.02314, repository example.
      {9,
       {200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 102400, 204800, 409600, 819200, 1638400},
       {4.247949918, 4.188166777, 4.086900075, 3.946466605, 3.808449984, 3.645450115, 3.420799971,
        3.165299892, 2.91552496, 2.652625084, 2.382649899, 2.151550055, 1.91655004, 1.742699981}},
      // Four-digit addition, test cross-entropy: Caballero et al. 2023, arXiv 2210.14891, repository example.
      {14,
       {160, 192, 256, 320, 384, 448, 480, 512, 544, 576, 608, 640, 672, 736, 800, 864, 928},
       {2.13809046, 2.11813418, 2.08955508, 2.06988398, 2.05404987, 2.03837089, 2.02814281, 2.00496872,
        1.95576149, 1.86313841, 1.70891537, 1.50637664, 1.29754721, 0.96559684, 0.75856477, 0.64768338,
        0.55695445}},
      // Loss at the best size against compute: Porian et al. 2024, arXiv 2406.19146.
      {8,
       {1.25e16, 2.5e16, 5e16, 1e17, 2e17, 4e17, 8e17, 1.6e18, 3.2e18, 6.4e18, 1.28e19, 2.56e19},
       {4.54324, 4.3644, 4.20115, 4.03735, 3.89894, 3.76409, 3.63184, 3.50996, 3.40055, 3.29056, 3.1904,
        3.09488}},
      // Steps to a target loss against batch size, five sizes: Zhang et al. 2024, arXiv 2410.21676.
      {6,
       {64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384},
       {46000, 23000, 13282, 7000, 3840, 2528, 1917, 1600, 1600}},
      {6,
       {64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384},
       {96000, 49000, 24000, 12000, 7128, 4350, 2940, 2400, 2300}},
      {6,
       {64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384},
       {196000, 90000, 46000, 23400, 13300, 7224, 4980, 3400, 2879}},
  };
  std::vector<DevCurve> curves;
  for (const Series& series : all) {
    DevCurve curve{"public", {}, {}, {}, {}};
    for (size_t i = 0; i < series.x.size(); ++i) {
      (i < series.head ? curve.x : curve.tail_x).push_back(series.x[i]);
      (i < series.head ? curve.y : curve.tail_y).push_back(series.y[i]);
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

double RootMeanSquareLogError(const std::vector<double>& predicted, const std::vector<double>& observed) {
  double sum = 0;
  for (size_t i = 0; i < observed.size(); ++i) {
    const double error = std::log(predicted[i] / observed[i]);
    sum += error * error;
  }
  return std::sqrt(sum / static_cast<double>(observed.size()));
}

}  // namespace sextant::bench
