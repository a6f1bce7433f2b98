// SPDX-License-Identifier: Apache-2.0
// Where the fields of a row go, one after the other: a statement's parameters, or a bulk load.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void Int(std::int64_t value) = 0;
  virtual void Real(double value) = 0;                     ///< NaN: unknown
  virtual void TextView(std::string_view text) = 0;        ///< may not be copied
  virtual void Reals(std::span<const double> values) = 0;  ///< may not be copied; none: unknown
  virtual void Null() = 0;
};

/// Binds to the next parameters of a statement.
class StatementSink final : public RowSink {
 public:
  explicit StatementSink(Statement& statement) : statement_(statement) {}
  void Int(std::int64_t value) override { statement_.Next(value); }
  void Real(double value) override { statement_.Next(value); }
  void TextView(std::string_view text) override { statement_.NextTextView(text); }
  void Reals(std::span<const double> values) override { statement_.NextReals(values); }
  void Null() override { statement_.NextNull(); }

 private:
  Statement& statement_;
};

}  // namespace sextant::storage::relational
