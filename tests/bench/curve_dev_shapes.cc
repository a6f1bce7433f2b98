// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/curve_dev_shapes.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "fitting/curve/forms.h"
#include "fitting/curve/stable_math.h"

namespace sextant::bench {
namespace {

struct Range {
  double top, floor, middle;
};

// Shapes the settings of the average were chosen on.
Shape TuningError(RandomStream& random, const Range& r) {
  const double top = r.top, floor = r.floor, middle = r.middle;
  switch (random.Index(7)) {
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

// Shapes no setting was chosen on.
Shape HeldOutError(RandomStream& random, const Range& r, double span) {
  const double top = r.top, floor = r.floor, middle = r.middle, fall = top - floor;
  switch (random.Index(7)) {
    case 0: {  // complementary Gompertz
      const double c = Between(random, .2, .8);
      return [=](double u) { return floor + fall * -std::expm1(-std::exp(-c * (u - middle))); };
    }
    case 1: {  // straight in ln x, then level
      const double slope = fall / Between(random, 3, 9), soft = Between(random, .02, .12);
      return [=](double u) {
        return floor + soft * fitting::Softplus((.9 * fall - slope * (u - .3 * middle)) / soft);
      };
    }
    case 2: {  // arc tangent: long tails in ln x
      const double width = Between(random, .8, 2.5);
      return
          [=](double u) { return floor + fall * (.5 - std::atan((u - middle) / width) / std::numbers::pi); };
    }
    case 3: {  // two power laws added
      const double share = Between(random, .2, .8), fast = Between(random, .5, 1.2),
                   slow = Between(random, .05, .3);
      return [=](double u) {
        return .5 * floor + fall * (share * std::exp(-fast * u) + (1 - share) * std::exp(-slow * u));
      };
    }
    case 4: {  // exponential forgetting of a few kinds of mistake
      std::vector<double> share, scale;
      double total = 0;
      for (int i = 0; i < 5; ++i) {
        scale.push_back(std::exp(middle + 1.6 * random.Normal() + .5 * i));
        share.push_back(random.Uniform() + .1);
        total += share.back();
      }
      return [=](double u) {
        double sum = 0;
        for (int i = 0; i < 5; ++i) sum += share[i] / total * std::exp(-std::exp(u) / scale[i]);
        return std::max(floor, .04) + fall * sum;
      };
    }
    case 5: {  // falls, and loses a little again as training goes on
      const double c = Between(random, .2, .6), back = Between(random, 0, .12);
      return [=](double u) {
        return (.6 * floor + .8 * fall * std::exp(-c * u)) * (1 + back * std::pow(u / span, 3));
      };
    }
    default: {  // a power law with two soft steps, as when the data or the rate change
      const double c = Between(random, .08, .4), a = Between(random, -.05, .12), b = Between(random, 0, .1);
      const double at = Between(random, .2, .5) * span, later = Between(random, .5, .9) * span;
      return [=](double u) {
        return top * std::exp(-c * u - a * fitting::Logistic(3 * (u - at)) -
                              b * fitting::Logistic(3 * (u - later)));
      };
    }
  }
}

}  // namespace

double Between(RandomStream& random, double low, double high) {
  return low + (high - low) * random.Uniform();
}
double LogBetween(RandomStream& random, double low, double high) {
  return std::exp(Between(random, std::log(low), std::log(high)));
}

Shape ErrorShape(RandomStream& random, ShapeSet set, double span) {
  const double top = Between(random, .6, .99), floor = std::max(0.0, Between(random, -.1, .3)) * top;
  const Range range{top, floor, Between(random, -2.5, 2.5)};
  return set == ShapeSet::kTuning ? TuningError(random, range) : HeldOutError(random, range, span);
}

Shape LossShape(RandomStream& random, ShapeSet set, bool translation) {
  const double floor = translation ? Between(random, .6, 1.4) : Between(random, 1.2, 2.6);
  const double size = Between(random, .8, 3),
               c = translation ? Between(random, .15, .5) : Between(random, .12, .5);
  if (set == ShapeSet::kHeldOut) {
    if (random.Uniform() < .5) {  // the floor itself moves a little
      const double slow = Between(random, .01, .04);
      return [=](double u) { return floor * std::exp(-slow * u) + size * std::exp(-c * u); };
    }
    const double shift = Between(random, 0, 3), power = Between(random, .3, 1);
    return [=](double u) { return floor + size * std::pow(1 + std::exp(power * (u - shift)), -c / power); };
  }
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

Shape TaskShape(RandomStream& random, ShapeSet set, double span) {
  if (random.Uniform() < .25) return ErrorShape(random, set, span);
  const double top = Between(random, .3, 3);
  if (random.Uniform() < .5) {  // nearly level
    const double slope = Between(random, -.005, .04), bend = set == ShapeSet::kTuning ? 0 : .01;
    return [=](double u) { return top * std::exp(-slope * u + bend * std::cos(2 * u)); };
  }
  const double at = Between(random, .1, .7) * span, size = Between(random, .1, .6);
  if (set == ShapeSet::kTuning) {  // level, then a power law
    const double sharp = Between(random, .2, .6);
    return [=](double u) { return top * std::exp(-size * sharp * fitting::Softplus((u - at) / sharp)); };
  }
  const double rate = Between(random, 1, 3);  // level, a fall, level again
  return [=](double u) { return top * (1 - size * fitting::Logistic(rate * (u - at))); };
}

}  // namespace sextant::bench
