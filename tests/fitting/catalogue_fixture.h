// SPDX-License-Identifier: Apache-2.0
// The laws that ship, for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "fitting/law/law.h"
#include "tests/test_paths.h"

namespace sextant::fitting {

inline std::shared_ptr<const Catalogue> ShippedCatalogue() {
  static const std::shared_ptr<const Catalogue> catalogue = [] {
    absl::StatusOr<std::shared_ptr<const Catalogue>> loaded =
        Catalogue::Load(SEXTANT_SOURCE_DIR "/data/laws");
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return loaded.ok() ? *loaded : nullptr;
  }();
  return catalogue;
}

inline std::shared_ptr<const Law> ShippedLaw(const std::string& id) {
  const std::shared_ptr<const Catalogue> catalogue = ShippedCatalogue();
  std::shared_ptr<const Law> law = catalogue == nullptr ? nullptr : catalogue->Find(id);
  EXPECT_NE(law, nullptr) << id;
  return law;
}

}  // namespace sextant::fitting
