// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/convert_setting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace sextant::fitting {
namespace {

OptimizerSetting Setting(const char* optimizer, double from, double to) {
  OptimizerSetting setting;
  setting.optimizer = optimizer;
  setting.from_batch = from;
  setting.to_batch = to;
  return setting;
}

const ConvertedSetting* Find(const SettingConversion& conversion, const std::string& quantity,
                             const std::string& rule = "") {
  for (const ConvertedSetting& row : conversion.values) {
    if (row.quantity == quantity && (rule.empty() || row.rule == rule)) return &row;
  }
  ADD_FAILURE() << quantity << " " << rule;
  return nullptr;
}

// laws.md section 16: kappa 4, eta 1e-3, betas .9 and .98, epsilon 1e-8 give 2e-3, 0.6, 0.92, 5e-9.
TEST(ConvertSetting, AdamByTheSquareRootRule) {
  OptimizerSetting setting = Setting("adam", 256, 1024);
  setting.learning_rate = 1e-3;
  setting.beta1 = 0.9;
  setting.beta2 = 0.98;
  setting.epsilon = 1e-8;
  const auto converted = ConvertSetting(setting);
  ASSERT_TRUE(converted.ok()) << converted.status();
  EXPECT_EQ(converted->factor, 4);
  EXPECT_NEAR(*Find(*converted, "learning_rate")->value, 2e-3, 1e-15);
  EXPECT_NEAR(*Find(*converted, "beta1")->value, 0.6, 1e-12);
  EXPECT_NEAR(*Find(*converted, "beta2", "1 - k (1 - beta)")->value, 0.92, 1e-12);
  EXPECT_NEAR(*Find(*converted, "epsilon")->value, 5e-9, 1e-20);
  for (const ConvertedSetting& row : converted->values) {
    EXPECT_FALSE(row.rule.empty());
    EXPECT_FALSE(row.source.empty());
    EXPECT_FALSE(row.validity.empty());
  }
}

// Section 16: 0.95 at an eighth of the batch is 0.9936088490; the average's 0.9999 at 8 times is
// 0.9992002799.
TEST(ConvertSetting, HalfLivesStay) {
  OptimizerSetting setting = Setting("adamw", 8, 1);
  setting.beta2 = 0.95;
  EXPECT_NEAR(*Find(*ConvertSetting(setting), "beta2", "beta^k")->value, 0.9936088490, 1e-9);
  setting = Setting("adamw", 1, 8);
  setting.ema_decay = 0.9999;
  setting.warmup_steps = 800;
  EXPECT_NEAR(*Find(*ConvertSetting(setting), "ema_decay")->value, 0.9992002799, 1e-9);
  EXPECT_NEAR(*Find(*ConvertSetting(setting), "warmup_steps")->value, 100, 1e-9);
}

// Goyal et al.: 0.1 at 256 is 3.2 at 8192.
TEST(ConvertSetting, SgdIsLinearAndKeepsItsMomentum) {
  OptimizerSetting setting = Setting("momentum", 256, 8192);
  setting.learning_rate = 0.1;
  setting.beta1 = 0.9;
  setting.weight_decay = 1e-4;
  const auto converted = ConvertSetting(setting);
  ASSERT_TRUE(converted.ok());
  EXPECT_NEAR(*Find(*converted, "learning_rate")->value, 3.2, 1e-12);
  EXPECT_EQ(*Find(*converted, "beta1")->value, 0.9);
  EXPECT_NEAR(*Find(*converted, "weight_decay")->value, 1e-4, 1e-16) << "rate and batch grow alike";
  EXPECT_FALSE(converted->warnings.empty()) << "a factor of 32 is far";
}

// Section 8: with B_noise 31 the rates at 4 and 2 stand as 1.3334013588.
TEST(ConvertSetting, TheNoiseBatchAddsTheSurgeRule) {
  OptimizerSetting setting = Setting("adamw", 2, 4);
  setting.learning_rate = 1;
  setting.noise_batch = 31;
  EXPECT_NEAR(
      *Find(*ConvertSetting(setting), "learning_rate", "1 / (sqrt(B_noise / B) + sqrt(B / B_noise))")->value,
      1.3334013588, 1e-9);
}

TEST(ConvertSetting, WhatARuleDoesNotGiveIsARangeOrAReason) {
  OptimizerSetting setting = Setting("lion", 256, 1024);
  setting.learning_rate = 1e-4;
  auto converted = ConvertSetting(setting);
  const ConvertedSetting* rate = Find(*converted, "learning_rate");
  EXPECT_FALSE(rate->value.has_value());
  EXPECT_NEAR(*rate->low, 1e-4, 1e-15);
  EXPECT_NEAR(*rate->high, 2e-4, 1e-15);
  setting.optimizer = "lamb";
  setting.weight_decay = 0.1;
  converted = ConvertSetting(setting);
  EXPECT_FALSE(Find(*converted, "learning_rate")->value.has_value());
  EXPECT_THAT(Find(*converted, "learning_rate")->rule, testing::HasSubstr("norm"));
  EXPECT_FALSE(Find(*converted, "weight_decay")->value.has_value());
  setting = Setting("adam", 1, 20);
  setting.beta1 = 0.9;
  EXPECT_FALSE(Find(*ConvertSetting(setting), "beta1")->value.has_value()) << "1 - 20 * 0.1 is no decay";
}

TEST(ConvertSetting, RefusesEveryWrongNumberAtOnce) {
  OptimizerSetting setting = Setting("adamm", -1, std::nan(""));
  setting.beta2 = 1;
  setting.learning_rate = 0;
  EXPECT_EQ(ValidateSetting(setting).size(), 5U);
  EXPECT_FALSE(ConvertSetting(setting).ok());
}

}  // namespace
}  // namespace sextant::fitting
