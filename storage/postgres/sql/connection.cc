// SPDX-License-Identifier: Apache-2.0
#include "storage/postgres/sql/connection.h"

#include <absl/strings/str_cat.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include "base/status_macros.h"
#include "storage/postgres/sql/error.h"
#include "storage/postgres/sql/prepared_statement.h"

namespace sextant::storage::postgres {
namespace {

void IgnoreNotice(void*, const PGresult*) {}

// Notices that a listing was slow; reading 100 000 rows takes some 30 ms here.
class TimedReads final : public relational::ReadLimit {
 public:
  explicit TimedReads(std::chrono::microseconds limit) : limit_(limit) {}
  bool exceeded() const override { return std::chrono::steady_clock::now() - begin_ > limit_; }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  const std::chrono::microseconds limit_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const Place& place, bool read_only) {
  // What stands before the URL is what the URL may change.
  constexpr std::array kKeys = {"connect_timeout",
                                "tcp_user_timeout",
                                "keepalives_idle",
                                "fallback_application_name",
                                "dbname",
                                "client_encoding",
                                static_cast<const char*>(nullptr)};
  const std::array values = {
      "10", "30000", "30", "sextant", place.url.c_str(), "UTF8", static_cast<const char*>(nullptr)};
  PGconn* const handle = PQconnectdbParams(kKeys.data(), values.data(), /*expand_dbname=*/1);
  if (handle == nullptr) return absl::ResourceExhaustedError("out of memory while connecting");
  std::unique_ptr<Connection> connection(new Connection(handle, place.name));
  if (PQstatus(handle) != CONNECTION_OK) return CannotConnect(PQerrorMessage(handle), place.name);
  PQsetNoticeReceiver(handle, IgnoreNotice, nullptr);
  // A process that stands still must not keep others from writing, nor one that writes long from noticing.
  RETURN_IF_ERROR(connection->Execute(absl::StrCat(
      "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '", read_only ? "10min" : "60s",
      "'; SET default_transaction_read_only = ", read_only ? "on" : "off")));
  // Compiling costs more than the statements here take; databases that speak the protocol may not know it.
  connection->Execute("SET jit = off").IgnoreError();
  return connection;
}

Connection::~Connection() {
  cache_.clear();
  PQfinish(connection_);
}

absl::Status Connection::Execute(const std::string& sql) {
  if (PQsendQuery(connection_, sql.c_str()) == 0) {
    return ConnectionLost(connection_, path_);
  }
  ASSIGN_OR_RETURN(auto result, TakeResults(connection_, path_));
  // COMMIT of a transaction that had failed says so nowhere else.
  if (sql == "COMMIT" && std::string_view(PQcmdStatus(result.get())) != "COMMIT") {
    return absl::UnavailableError(
        absl::StrCat(path_, ": the transaction was rolled back: nothing of this write was kept; retry"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Connection::Ask(const std::string& sql) {
  if (PQsendQuery(connection_, sql.c_str()) == 0) {
    return ConnectionLost(connection_, path_);
  }
  ASSIGN_OR_RETURN(auto result, TakeResults(connection_, path_));
  if (PQntuples(result.get()) == 0 || PQgetisnull(result.get(), 0, 0) == 1) return std::string();
  return std::string(PQgetvalue(result.get(), 0, 0));
}

absl::StatusOr<Statement> Connection::Prepare(const char* sql) {
  auto& cached = cache_[sql];
  if (cached != nullptr && cached->in_use) return PrepareOnce(sql);
  if (cached == nullptr) cached = std::make_unique<PreparedPostgres>(*this, sql, /*keep=*/true);
  return Statement(*cached);
}

absl::StatusOr<Statement> Connection::PrepareOnce(const std::string& sql) {
  return Statement(std::make_unique<PreparedPostgres>(*this, sql, /*keep=*/false));
}

absl::StatusOr<std::string> Connection::PrepareNamed(const std::string& sql,
                                                     const std::vector<unsigned>& types) {
  std::string name = absl::StrCat("s", ++last_name_);
  if (PQsendPrepare(connection_, name.c_str(), sql.c_str(), static_cast<int>(types.size()), types.data()) ==
      0) {
    return ConnectionLost(connection_, path_);
  }
  RETURN_IF_ERROR(TakeResults(connection_, path_).status());
  return name;
}

absl::StatusOr<Result> Connection::Run(const std::string& name, const std::string& sql,
                                       const std::vector<Parameter>& parameters) {
  const std::size_t count = parameters.size();
  std::vector<Oid> types(count);
  std::vector<const char*> data(count);
  std::vector<int> sizes(count), formats(count, 1);
  for (std::size_t i = 0; i < count; ++i) {
    types[i] = parameters[i].type;
    data[i] = parameters[i].data;
    sizes[i] = parameters[i].size;
  }
  const int sent = name.empty()
                       ? PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(count), types.data(),
                                           data.data(), sizes.data(), formats.data(), /*resultFormat=*/1)
                       : PQsendQueryPrepared(connection_, name.c_str(), static_cast<int>(count), data.data(),
                                             sizes.data(), formats.data(), /*resultFormat=*/1);
  if (sent == 0) return ConnectionLost(connection_, path_);
  ASSIGN_OR_RETURN(auto result, TakeResults(connection_, path_));
  changes_ = std::strtoll(PQcmdTuples(result.get()), nullptr, 10);
  return result;
}

absl::StatusOr<std::vector<std::string>> Connection::TableNames() {
  ASSIGN_OR_RETURN(auto statement,
                   Prepare("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() "
                           "AND tablename NOT IN ('sextant_schema', 'writers')"));
  std::vector<std::string> names;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return names;
    names.emplace_back(statement.Text(0));
  }
}

absl::StatusOr<std::vector<relational::DescribedColumn>> Connection::DescribeTable(const std::string& table) {
  using Kind = relational::DescribedColumn::Kind;
  ASSIGN_OR_RETURN(
      auto statement,
      Prepare("SELECT c.column_name::text, c.data_type::text, coalesce(k.ordinal_position, 0)::bigint "
              "FROM information_schema.columns c LEFT JOIN (information_schema.table_constraints t "
              "JOIN information_schema.key_column_usage k ON k.constraint_name = t.constraint_name "
              "AND k.constraint_schema = t.constraint_schema AND t.constraint_type = 'PRIMARY KEY') "
              "ON k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = "
              "c.column_name "
              "WHERE c.table_schema = current_schema() AND c.table_name = ? ORDER BY c.ordinal_position"));
  statement.NextTextView(table);
  std::vector<relational::DescribedColumn> columns;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return columns;
    const std::string type(statement.Text(1));
    const Kind kind = type == "bigint"             ? Kind::kInt
                      : type == "double precision" ? Kind::kReal
                      : type == "text"             ? Kind::kText
                      : type == "ARRAY"            ? Kind::kReals
                                                   : Kind::kBlob;
    columns.push_back({std::string(statement.Text(0)), kind, static_cast<int>(statement.Int(2))});
  }
}

absl::Status Connection::KeysWereGiven(const std::string& table) {
  ASSIGN_OR_RETURN(auto column,
                   Ask(absl::StrCat("SELECT column_name FROM information_schema.columns WHERE table_schema = "
                                    "current_schema() AND table_name = '",
                                    table, "' AND is_identity = 'YES'")));
  if (column.empty()) return absl::OkStatus();
  return Execute(absl::StrCat("SELECT setval(pg_get_serial_sequence('", table, "', '", column, "'), max(",
                              column, ")) FROM ", table, " HAVING max(", column, ") IS NOT NULL"));
}

bool Connection::in_transaction() const {
  switch (PQtransactionStatus(connection_)) {
    case PQTRANS_ACTIVE:
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR:
      return true;
    default:
      return false;
  }
}

std::unique_ptr<relational::ReadLimit> Connection::LimitReads(int steps, bool stop) {
  if (stop) return nullptr;
  constexpr int kStepsPerMicrosecond = 15;  // some five a row, and three rows a microsecond
  return std::make_unique<TimedReads>(std::chrono::microseconds(steps / kStepsPerMicrosecond));
}

}  // namespace sextant::storage::postgres
