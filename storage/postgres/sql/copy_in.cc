// SPDX-License-Identifier: Apache-2.0
#include "storage/postgres/sql/copy_in.h"

#include <absl/strings/str_cat.h>

#include <cmath>
#include <utility>

#include "base/status_macros.h"
#include "storage/postgres/sql/array.h"
#include "storage/postgres/sql/error.h"
#include "storage/postgres/sql/result.h"

namespace sextant::storage::postgres {
namespace {

constexpr std::size_t kSendBytes = 256 << 10;  // a few hundred rows a call of libpq
// Signature, flags, no extension ("Binary Format" of COPY).
constexpr std::string_view kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);

}  // namespace

absl::StatusOr<CopyIn> CopyIn::Begin(Connection& connection, const std::string& table,
                                     const std::string& columns) {
  const std::string sql = absl::StrCat("COPY ", table, " (", columns, ") FROM STDIN (FORMAT binary)");
  if (PQsendQuery(connection.handle(), sql.c_str()) == 0) {
    return ConnectionLost(connection.handle(), connection.path());
  }
  RETURN_IF_ERROR(TakeResults(connection.handle(), connection.path()).status());
  return CopyIn(&connection);
}

CopyIn::CopyIn(Connection* connection) : connection_(connection), buffer_(kCopyHeader) {
  buffer_.reserve(kSendBytes + (64 << 10));
}

CopyIn::CopyIn(CopyIn&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)),
      buffer_(std::move(other.buffer_)),
      broken_(other.broken_) {}

CopyIn::~CopyIn() {
  if (connection_ == nullptr) return;
  // Without an error text the server would keep what it has.
  PQputCopyEnd(connection_->handle(), "given up");
  TakeResults(connection_->handle(), connection_->path()).status().IgnoreError();
}

void CopyIn::BeginRow(int fields) {
  SendIfMuch();
  AppendBigEndian(static_cast<std::int16_t>(fields), buffer_);
}

void CopyIn::Int(std::int64_t value) {
  AppendBigEndian(static_cast<std::int32_t>(sizeof(value)), buffer_);
  AppendBigEndian(value, buffer_);
}

void CopyIn::Real(double value) {
  if (std::isnan(value)) return Null();
  AppendBigEndian(static_cast<std::int32_t>(sizeof(value)), buffer_);
  AppendBigEndian(Float8Bits(value), buffer_);
}

void CopyIn::TextView(std::string_view text) { Field(text); }

void CopyIn::Reals(std::span<const double> values) {
  if (values.empty()) return Null();
  Field(EncodeFloat8Array(values));
}

void CopyIn::Null() { AppendBigEndian(std::int32_t{-1}, buffer_); }

void CopyIn::Blob(std::span<const std::uint8_t> bytes) {
  Field({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void CopyIn::Field(std::string_view bytes) {
  AppendBigEndian(static_cast<std::int32_t>(bytes.size()), buffer_);
  buffer_ += bytes;
}

void CopyIn::SendIfMuch() {
  if (buffer_.size() >= kSendBytes) Send();
}

void CopyIn::Send() {
  if (!broken_ &&
      PQputCopyData(connection_->handle(), buffer_.data(), static_cast<int>(buffer_.size())) != 1) {
    broken_ = true;
  }
  buffer_.clear();
}

absl::Status CopyIn::Finish() {
  AppendBigEndian(std::int16_t{-1}, buffer_);  // the trailer
  Send();
  Connection& connection = *std::exchange(connection_, nullptr);
  // What libpq says here counts for nothing: it may report success for a session that has ended. The result
  // tells.
  PQputCopyEnd(connection.handle(), broken_ ? "the data could not be sent" : nullptr);
  RETURN_IF_ERROR(TakeResults(connection.handle(), connection.path()).status());
  if (!broken_) return absl::OkStatus();
  return ConnectionLost(connection.handle(), connection.path());
}

}  // namespace sextant::storage::postgres
