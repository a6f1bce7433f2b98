// SPDX-License-Identifier: Apache-2.0
// Forecasts: what the store keeps of them, and what the seal is of.
#include <gmock/gmock.h>

#include <functional>

#include "storage/forecast_seal.h"
#include "storage/sqlite/sql/connection.h"
#include "storage/sqlite/sqlite_store.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/store_suite.h"

namespace sextant::storage {
namespace {

using absl::StatusCode;

StatusCode CodeOf(const absl::Status& status) { return status.code(); }

}  // namespace

TEST_P(StoreSuite, KeepsEveryFieldOfAForecast) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const Forecast forecast = SampleForecast("s", "f");
  ASSERT_TRUE(Write(*store_, &Transaction::PutForecast, forecast).ok());
  const auto stored = Read(*store_)->GetForecast("s", "f");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(Differences(forecast, *stored), "");
  EXPECT_TRUE(SealHolds(*stored));
  EXPECT_EQ(Read(*store_)->GetStudySize("s")->forecasts, 1);

  Forecast bare;
  bare.study_id = "s";
  bare.id = "bare";
  ASSERT_TRUE(Write(*store_, &Transaction::PutForecast, bare).ok());
  EXPECT_EQ(Differences(bare, *Read(*store_)->GetForecast("s", "bare")), "");
  EXPECT_FALSE(SealHolds(*Read(*store_)->GetForecast("s", "bare"))) << "it was never sealed";
}

TEST_P(StoreSuite, AForecastIsMadeOnce) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  Forecast forecast = SampleForecast("s", "f");
  ASSERT_TRUE(Write(*store_, &Transaction::PutForecast, forecast).ok());
  forecast.quantities[0].value *= 2;
  EXPECT_EQ(CodeOf(Write(*store_, &Transaction::PutForecast, forecast)), StatusCode::kAlreadyExists);
  EXPECT_EQ(Differences(SampleForecast("s", "f"), *Read(*store_)->GetForecast("s", "f")), "");
  forecast.study_id = "none";
  EXPECT_EQ(CodeOf(Write(*store_, &Transaction::PutForecast, forecast)), StatusCode::kNotFound);
  ASSERT_TRUE(Write(*store_, &Transaction::DeleteForecast, "s", "f").ok());
  EXPECT_EQ(CodeOf(Write(*store_, &Transaction::DeleteForecast, "s", "f")), StatusCode::kNotFound);
  EXPECT_EQ(Read(*store_)->GetStudySize("s")->forecasts, 0);
  EXPECT_TRUE(store_->CheckIntegrity().ok());
}

TEST_P(StoreSuite, ListsTheNewestForecastFirst) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const std::pair<const char*, Micros> given[] = {{"b", 1}, {"a", 2}, {"d", 2}, {"c", 3}};
  for (const auto& [id, time] : given) {
    Forecast forecast = SampleForecast("s", id);
    forecast.seal_time = time;
    ASSERT_TRUE(Write(*store_, &Transaction::PutForecast, forecast).ok());
  }
  std::string order, key;
  do {
    const auto page = Read(*store_)->ListForecasts("s", 1, key);
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_EQ(page->items.size(), 1U);
    order += page->items[0].id;
    key = page->next_key;
  } while (!key.empty());
  EXPECT_EQ(order, "cadb");
  EXPECT_EQ(CodeOf(Read(*store_)->ListForecasts("s", 0, "").status()), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Read(*store_)->ListForecasts("none", 2, "").status()), StatusCode::kNotFound);
}

TEST_P(StoreSuite, ReplacesTheScoresOfAForecastAndCountsThem) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  for (const char* id : {"f", "g"})
    ASSERT_TRUE(Write(*store_, &Transaction::PutForecast, SampleForecast("s", id)).ok());
  const auto records = Read(*store_)->ListTrackRecords();
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 2U);
  const TrackRecord &law = (*records)[0], &fit = (*records)[1];
  EXPECT_EQ(law.source, "step-law-lr");
  EXPECT_EQ(law.study_id, "s");
  EXPECT_EQ(law.interval, 0.9);
  EXPECT_EQ(law.scored, 4);
  EXPECT_EQ(law.inside, 2);
  EXPECT_EQ(fit.source, "studies/s/fits/rate");
  EXPECT_EQ(fit.scored, 2) << "it answers the rate alone";
  EXPECT_EQ(fit.inside, 2);
  std::vector<ForecastScore> scores = {SampleForecast("s", "f").scores[0]};
  ASSERT_TRUE(Write(*store_, &Transaction::PutForecastScores, "s", "f", scores).ok());
  EXPECT_EQ((*Read(*store_)->ListTrackRecords())[0].scored, 3);
  EXPECT_TRUE(SealHolds(*Read(*store_)->GetForecast("s", "f"))) << "scores are no part of it";
  scores[0].verdict = ForecastScore::Verdict::kNoInterval;
  ASSERT_TRUE(Write(*store_, &Transaction::PutForecastScores, "s", "f", scores).ok());
  EXPECT_EQ((*Read(*store_)->ListTrackRecords())[0].scored, 2);
  EXPECT_EQ(CodeOf(Write(*store_, &Transaction::PutForecastScores, "s", "none", scores)),
            StatusCode::kNotFound);
}

TEST(ForecastSeal, IsOfEveryFieldButTheStudyAndTheScores) {
  const std::function<void(Forecast&)> changes[] = {
      [](Forecast& f) { f.id += "x"; },
      [](Forecast& f) { ++f.seal_time; },
      [](Forecast& f) { f.params += 1; },
      [](Forecast& f) { f.tokens += 1; },
      [](Forecast& f) { f.batch_size_tokens = kUnknown; },
      [](Forecast& f) { f.learning_rate *= 1 + 1e-15; },
      [](Forecast& f) { f.loss += 1; },
      [](Forecast& f) { f.interval = 0.8; },
      [](Forecast& f) { f.tolerance = 0.01; },
      [](Forecast& f) { f.at["U"] = 1; },
      [](Forecast& f) { f.at.erase("zero"); },
      [](Forecast& f) { f.param_count = "total"; },
      [](Forecast& f) { f.loss_unit = ""; },
      [](Forecast& f) { f.quantities[0].name = "rate"; },
      [](Forecast& f) { f.quantities[0].value *= 2; },
      [](Forecast& f) { f.quantities[0].low = 0; },
      [](Forecast& f) { f.quantities[0].high = 1; },
      [](Forecast& f) { f.quantities[0].near_optimal_low = 0; },
      [](Forecast& f) { f.quantities[0].near_optimal_high = 1; },
      [](Forecast& f) { f.quantities[1].parameter_low = 0; },
      [](Forecast& f) { f.quantities[1].parameter_high = 0; },
      [](Forecast& f) { f.quantities.pop_back(); },
      [](Forecast& f) { f.sources[0].name += "x"; },
      [](Forecast& f) { f.sources[0].law_id += "x"; },
      [](Forecast& f) { f.sources[0].estimator += "x"; },
      [](Forecast& f) { f.sources[0].data_digest += "x"; },
      [](Forecast& f) { f.sources[0].quantity = ""; },
      [](Forecast& f) { std::swap(f.sources[0], f.sources[1]); },
      [](Forecast& f) { f.extrapolation_params = 1; },
      [](Forecast& f) { f.extrapolation_tokens = 1; },
      [](Forecast& f) { f.rate_kind = "fixed-batch"; },
      [](Forecast& f) { f.version += "x"; },
  };
  int number = 0;
  for (const auto& change : changes) {
    Forecast forecast = SampleForecast("s", "f");
    change(forecast);
    EXPECT_FALSE(SealHolds(forecast)) << "change " << number;
    ++number;
  }
  Forecast elsewhere = SampleForecast("s", "f");
  elsewhere.study_id = "t";
  elsewhere.scores.clear();
  EXPECT_TRUE(SealHolds(elsewhere));
}

TEST(ForecastSeal, TextsCannotBeMovedBetweenFields) {
  Forecast a = SampleForecast("s", "f"), b = a;
  a.rate_kind = "joint\nversion 1:2";
  b.rate_kind = "joint";
  EXPECT_NE(SealOf(a), SealOf(b));
  a.rate_kind = "x";
  a.version = "";
  b.rate_kind = "";
  b.version = "x";
  EXPECT_NE(SealOf(a), SealOf(b));
}

TEST(ForecastSeal, ARowThatWasChangedIsNoticed) {
  TempFolder folder;
  const std::string path = folder.File("a.db");
  {
    auto store = OpenSqliteStore(path);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(Write(**store, &Transaction::CreateStudy, SampleStudy("s")).ok());
    for (const char* id : {"kept", "changed"})
      ASSERT_TRUE(Write(**store, &Transaction::PutForecast, SampleForecast("s", id)).ok());
  }
  {
    auto connection = sqlite::Connection::Open(path, sqlite::OpenMode::kReadWrite);
    ASSERT_TRUE(connection.ok()) << connection.status();
    ASSERT_TRUE((*connection)
                    ->Execute("UPDATE forecast_quantities SET high = 9 WHERE position = 1 AND forecast_key = "
                              "(SELECT forecast_key FROM forecasts WHERE id = 'changed')")
                    .ok());
  }
  auto store = OpenSqliteStore(path);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(SealHolds(*Read(**store)->GetForecast("s", "kept")));
  EXPECT_FALSE(SealHolds(*Read(**store)->GetForecast("s", "changed")));
}

}  // namespace sextant::storage
