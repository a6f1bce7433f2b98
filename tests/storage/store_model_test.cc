// SPDX-License-Identifier: Apache-2.0
// SQLite beside the reference.
#include "tests/storage/store_model.h"

#include <gtest/gtest.h>

#include "storage/sqlite/sqlite_store.h"
#include "tests/storage/reference_store.h"
#include "tests/storage/store_suite.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage {
namespace {

std::shared_ptr<Store> OpenReference(const TempFolder&, std::function<Micros()> clock) {
  return std::make_shared<ReferenceStore>(std::move(clock));
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Reference, StoreSuite, testing::Values(StoreFactory{"reference", OpenReference}),
                         testing::PrintToStringParamName());

void SqliteAgrees(const SqliteOptions& options) {
  TempFolder folder;
  AgreesWithTheReference([&] { return OpenSqliteStore(folder.File("store.db"), options); });
}

TEST(StoreModel, RandomOperationsAgreeWithTheReference) { SqliteAgrees({}); }

TEST(StoreModel, ListingsFromColumnsInMemoryAgreeWithTheReference) {
  SqliteOptions options;
  options.scan_steps_before_columns = 0;
  SqliteAgrees(options);
}

TEST(StoreModel, ListingsThatTurnToColumnsAtTheSecondScanAgreeWithTheReference) {
  SqliteOptions options;
  options.scan_steps_before_columns = 1;
  SqliteAgrees(options);
}

TEST(StoreModel, ListingsFromColumnsThatSeldomFitAgreeWithTheReference) {
  SqliteOptions options;
  options.scan_steps_before_columns = 0;
  options.column_cache_bytes = 500;
  SqliteAgrees(options);
}

}  // namespace sextant::storage
