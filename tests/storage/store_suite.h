// SPDX-License-Identifier: Apache-2.0
// What every implementation of Store must do. An implementation's test instantiates it:
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreSuite, testing::Values(StoreFactory{"sqlite", OpenEmptySqlite}));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "storage/store.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage {

/// Makes an empty store. `clock` is what it must take for the time.
struct StoreFactory {
  std::string name;
  std::function<std::shared_ptr<Store>(const TempFolder&, std::function<Micros()> clock)> open;
};
inline void PrintTo(const StoreFactory& factory, std::ostream* out) { *out << factory.name; }

class StoreSuite : public testing::TestWithParam<StoreFactory> {
 protected:
  using Run = storage::Run;  // not testing::Test::Run
  StoreSuite() : store_(GetParam().open(folder_, [this] { return now_; })) {}

  TempFolder folder_;
  Micros now_ = 1'700'000'000'000'000;
  std::shared_ptr<Store> store_;
};

}  // namespace sextant::storage
