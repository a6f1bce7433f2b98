// SPDX-License-Identifier: Apache-2.0
#include "storage/postgres/sql/prepared_statement.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/status_macros.h"
#include "storage/postgres/sql/array.h"

namespace sextant::storage::postgres {

std::string NumberPlaceholders(const std::string& sql) {
  std::string out;
  out.reserve(sql.size() + 16);
  int last = 0;
  char quote = 0;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '?') {
      out += '$';
      if (i + 1 >= sql.size() || !absl::ascii_isdigit(static_cast<unsigned char>(sql[i + 1]))) {
        absl::StrAppend(&out, ++last);
      }
      continue;
    }
    out += c;
  }
  return out;
}

PreparedPostgres::Bound& PreparedPostgres::At(int index, unsigned type) {
  const auto place = static_cast<std::size_t>(index - 1);
  if (bound_.size() <= place) bound_.resize(place + 1);
  bound_count_ = std::max(bound_count_, place + 1);
  Bound& bound = bound_[place];
  bound.type = type;
  bound.null = false;
  bound.copy.clear();
  bound.view = {};
  return bound;
}

void PreparedPostgres::BindInt(int index, std::int64_t value) {
  AppendBigEndian(value, At(index, kInt8Type).copy);
}

void PreparedPostgres::BindReal(int index, double value) {
  Bound& bound = At(index, kFloat8Type);
  bound.null = std::isnan(value);
  if (!bound.null) AppendBigEndian(Float8Bits(value), bound.copy);
}

void PreparedPostgres::BindText(int index, std::string_view text) { At(index, kTextType).copy = text; }

void PreparedPostgres::BindTextView(int index, std::string_view text) { At(index, kTextType).view = text; }

void PreparedPostgres::BindNull(int index) { At(index, 0).null = true; }

void PreparedPostgres::BindBlobView(int index, std::span<const std::uint8_t> bytes) {
  At(index, kByteaType).view = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void PreparedPostgres::BindReals(int index, std::span<const double> values) {
  Bound& bound = At(index, kFloat8ArrayType);
  bound.null = values.empty();
  if (!bound.null) bound.copy = EncodeFloat8Array(values);
}

void PreparedPostgres::BindTexts(int index, std::span<const std::string_view> texts) {
  At(index, kTextArrayType).copy = EncodeTextArray(texts);
}

absl::Status PreparedPostgres::Execute() {
  std::vector<Parameter> parameters(bound_count_);
  std::vector<unsigned> types(bound_count_);
  for (std::size_t i = 0; i < bound_count_; ++i) {
    const Bound& bound = bound_[i];
    const std::string_view value = bound.view.data() != nullptr ? bound.view : std::string_view(bound.copy);
    if (value.size() > std::numeric_limits<int>::max()) {
      return absl::InvalidArgumentError("a value is too large to store (over 1 GB)");
    }
    types[i] = bound.type;
    parameters[i] = {bound.type, bound.null ? nullptr : value.data(), static_cast<int>(value.size())};
  }
  std::string name;
  if (keep_) {
    std::string& known = names_[types];
    if (known.empty()) {
      ASSIGN_OR_RETURN(known, connection_.PrepareNamed(sql_, types));
    }
    name = known;
  }
  ASSIGN_OR_RETURN(result_, connection_.Run(name, sql_, parameters));
  row_ = -1;
  keep_ = true;  // what is run again pays to be prepared
  return absl::OkStatus();
}

absl::StatusOr<bool> PreparedPostgres::Step() {
  if (result_ == nullptr) {
    RETURN_IF_ERROR(Execute());
  }
  const int rows = PQntuples(result_.get());
  if (row_ < rows) ++row_;
  return row_ < rows;
}

void PreparedPostgres::Reset() {
  result_.reset();
  row_ = -1;
  bound_count_ = 0;
}

std::string_view PreparedPostgres::Value(int column) const {
  return {PQgetvalue(result_.get(), row_, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row_, column))};
}

bool PreparedPostgres::IsNull(int column) const { return PQgetisnull(result_.get(), row_, column) == 1; }
std::int64_t PreparedPostgres::Int(int column) const { return ReadBigEndian(Value(column)); }
double PreparedPostgres::Real(int column) const { return ReadFloat8(Value(column)); }
std::string_view PreparedPostgres::Text(int column) const { return Value(column); }

std::span<const std::uint8_t> PreparedPostgres::Blob(int column) const {
  const std::string_view value = Value(column);
  return {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()};
}

void PreparedPostgres::Reals(int column, std::vector<double>& values) const {
  DecodeFloat8Array(Value(column), values);
}

}  // namespace sextant::storage::postgres
