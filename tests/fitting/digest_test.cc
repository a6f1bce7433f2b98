// SPDX-License-Identifier: Apache-2.0
#include "fitting/digest.h"

#include <gtest/gtest.h>

#include "tests/fitting/synthetic.h"

namespace sextant::fitting {
namespace {

TEST(DataDigest, IsStableAndChangesWithEveryColumn) {
  const RunTable runs = KnownSweep();
  const std::string digest = DataDigest(runs);
  EXPECT_EQ(digest.size(), 64u);
  EXPECT_EQ(digest, DataDigest(KnownSweep()));
  for (std::vector<double> RunTable::*column :
       {&RunTable::params, &RunTable::tokens, &RunTable::learning_rate, &RunTable::batch_size_tokens,
        &RunTable::loss}) {
    RunTable changed = runs;
    (changed.*column)[3] *= 1 + 1e-15 + 2e-16;
    EXPECT_NE(digest, DataDigest(changed));
  }
  RunTable diverged = runs;
  diverged.state[0] = RunState::kDiverged;
  EXPECT_NE(digest, DataDigest(diverged));
}

}  // namespace
}  // namespace sextant::fitting
