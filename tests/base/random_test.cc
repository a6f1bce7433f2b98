// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace sextant {
namespace {

TEST(RandomStream, DependsOnSeedAndStreamAlone) {
  RandomStream a(1, 7), b(1, 7);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(a.Next(), b.Next());
  std::set<std::uint64_t> first;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (std::uint64_t stream = 0; stream < 20; ++stream) first.insert(RandomStream(seed, stream).Next());
  }
  EXPECT_EQ(first.size(), 400U) << "streams of different seeds must not coincide";
}

// 40 000 draws: each mean is checked to 5 standard errors.
TEST(RandomStream, HasTheMomentsOfItsDistributions) {
  constexpr int kDraws = 40'000;
  RandomStream random(3, 0);
  double uniform = 0, normal = 0, squares = 0, chi = 0, index = 0;
  for (int i = 0; i < kDraws; ++i) {
    uniform += random.Uniform();
    const double z = random.Normal();
    normal += z;
    squares += z * z;
    chi += random.ChiSquared(3);
    index += static_cast<double>(random.Index(5));
  }
  const double root = std::sqrt(static_cast<double>(kDraws));
  EXPECT_NEAR(uniform / kDraws, 0.5, 5 * std::sqrt(1.0 / 12) / root);
  EXPECT_NEAR(normal / kDraws, 0, 5 / root);
  EXPECT_NEAR(squares / kDraws, 1, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(chi / kDraws, 3, 5 * std::sqrt(6.0) / root);
  EXPECT_NEAR(index / kDraws, 2, 5 * std::sqrt(2.0) / root);
}

}  // namespace
}  // namespace sextant
