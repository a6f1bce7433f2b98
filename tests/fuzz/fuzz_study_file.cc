// SPDX-License-Identifier: Apache-2.0
// Any bytes as the file of a study (ImportStudy): it is refused with a reason, or its study is taken in.
//
// Bytes beyond the pages that the file's header counts are changes to its rows, kEditBytes each: they reach
// what lies behind SQLite's own checks, which changed bytes of a page seldom pass.
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fitting/law/law.h"
#include "server/embedded_laws.h"
#include "server/fit_table.h"
#include "server/law_table.h"
#include "server/service/study_file_check.h"
#include "storage/open_store.h"
#include "storage/study_file.h"

namespace {

using namespace sextant;

constexpr std::size_t kHeaderBytes = 100, kEditBytes = 12, kMaxEdits = 64;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

const std::string& FuzzFolder() {
  static const std::string folder = [] {
    std::error_code none;
    const bool has_memory = std::filesystem::is_directory("/dev/shm", none);
    std::string made = (has_memory ? "/dev/shm" : std::filesystem::temp_directory_path().string()) +
                       "/sextant-fuzz-study-XXXXXX";
    if (mkdtemp(made.data()) == nullptr) Fail("cannot make " + made);
    std::atexit([] {
      std::error_code ignored;
      std::filesystem::remove_all(FuzzFolder(), ignored);
    });
    return made;
  }();
  return folder;
}

const server::LawTable& Laws() {
  static const std::unique_ptr<server::LawTable> laws = [] {
    std::vector<std::pair<std::string, std::string>> texts;
    for (const server::EmbeddedLaw& law : server::EmbeddedLaws()) texts.emplace_back(law.file, law.toml);
    auto catalogue = fitting::Catalogue::FromTexts(texts, fitting::Derivatives::kWhenNeeded);
    if (!catalogue.ok()) Fail(std::string(catalogue.status().message()));
    auto made = server::LawTable::Create(*std::move(catalogue));
    if (!made.ok()) Fail(std::string(made.status().message()));
    return *std::move(made);
  }();
  return *laws;
}

storage::Store& Target() {
  static const std::shared_ptr<storage::Store> store = [] {
    storage::StoreOptions options;
    options.durability = storage::Durability::kNormal;
    auto made = storage::OpenStore(FuzzFolder() + "/store.db", options);
    if (!made.ok()) Fail(std::string(made.status().message()));
    return *std::move(made);
  }();
  return *store;
}

std::uint32_t BigEndian(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// The bytes of the file that SQLite reads: its pages.
std::size_t FileBytes(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return bytes.size();
  const std::size_t page = BigEndian(bytes, 16, 2) == 1 ? 65536 : BigEndian(bytes, 16, 2);
  const std::size_t wanted = page * BigEndian(bytes, 28, 4);
  return wanted == 0 ? bytes.size() : std::min(wanted, bytes.size());
}

struct Column {
  std::string table, column;
};

std::vector<Column> Columns(sqlite3* db) {
  std::vector<Column> columns;
  sqlite3_stmt* select = nullptr;
  sqlite3_prepare_v2(db,
                     "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c "
                     "WHERE m.type = 'table' ORDER BY 1, 2 LIMIT 1000",
                     -1, &select, nullptr);
  const auto text = [&](int i) {
    const auto* found = reinterpret_cast<const char*>(sqlite3_column_text(select, i));
    return std::string(found == nullptr ? "" : found);
  };
  while (select != nullptr && sqlite3_step(select) == SQLITE_ROW) columns.push_back({text(0), text(1)});
  sqlite3_finalize(select);
  return columns;
}

// Numbers and texts that readers find hard.
constexpr std::array<double, 8> kReals = {0,
                                          -1,
                                          1e300,
                                          -1e-300,
                                          5e-324,
                                          std::numeric_limits<double>::infinity(),
                                          -std::numeric_limits<double>::infinity(),
                                          std::numeric_limits<double>::max()};
constexpr std::array<std::int64_t, 8> kIntegers = {0,
                                                   1,
                                                   -1,
                                                   2,
                                                   7,
                                                   1 << 20,
                                                   std::numeric_limits<std::int64_t>::max(),
                                                   std::numeric_limits<std::int64_t>::min()};
constexpr std::array<std::string_view, 8> kTexts = {"",     "../../x", "\x1b[31m", "\xc2\x9b",
                                                    "\xff", "[]",      "{",        "{}"};

// Byte 0 and 1: the column; 2: what it gets, and whether in one row or all; 4 to 11: the value.
void Edit(sqlite3* db, const Column& column, std::string_view edit) {
  const auto what = static_cast<unsigned char>(edit[2]);
  const auto pick = static_cast<unsigned char>(edit[3]) % 8;
  const std::string_view value = edit.substr(4);
  std::string sql = what % 16 == 15 ? "DELETE FROM \"" + column.table + "\" WHERE 1"
                                    : "UPDATE OR IGNORE \"" + column.table + "\" SET \"" + column.column +
                                          "\" = ?1 WHERE 1";
  if ((what & 128) != 0)
    sql += " AND \"" + column.column + "\" = (SELECT max(\"" + column.column + "\") FROM \"" + column.table +
           "\")";
  sqlite3_stmt* update = nullptr;
  sqlite3_prepare_v2(db, sql.c_str(), -1, &update, nullptr);
  if (update == nullptr) return;
  std::int64_t integer = 0;
  double real = 0;
  std::memcpy(&integer, value.data(), sizeof(integer));
  std::memcpy(&real, value.data(), sizeof(real));
  const auto bytes = static_cast<int>(value.size());
  switch (what % 8) {
    case 0:
      sqlite3_bind_int64(update, 1, integer);
      break;
    case 1:
      sqlite3_bind_double(update, 1, real);
      break;
    case 2:
      sqlite3_bind_text(update, 1, value.data(), bytes, SQLITE_STATIC);
      break;
    case 3:
      sqlite3_bind_blob(update, 1, value.data(), bytes, SQLITE_STATIC);
      break;
    case 4:
      sqlite3_bind_null(update, 1);
      break;
    case 5:
      sqlite3_bind_int64(update, 1, kIntegers[pick]);
      break;
    case 6:
      sqlite3_bind_double(update, 1, kReals[pick]);
      break;
    default:
      sqlite3_bind_text(update, 1, kTexts[pick].data(), static_cast<int>(kTexts[pick].size()), SQLITE_STATIC);
  }
  sqlite3_step(update);
  sqlite3_finalize(update);
}

void Edit(const std::string& path, std::string_view edits) {
  sqlite3* db = nullptr;
  if (sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK) {
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    int looks = 0;
    sqlite3_progress_handler(
        db, 10'000, [](void* count) { return ++*static_cast<int*>(count) > 1000 ? 1 : 0; }, &looks);
    sqlite3_exec(db, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; BEGIN", nullptr, nullptr,
                 nullptr);
    const std::vector<Column> columns = Columns(db);
    for (std::size_t i = 0; i < kMaxEdits && edits.size() >= kEditBytes && !columns.empty(); ++i) {
      Edit(db, columns[BigEndian(edits, 0, 2) % columns.size()], edits);
      edits.remove_prefix(kEditBytes);
    }
    sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr);
  }
  sqlite3_close(db);
}

}  // namespace

#ifdef SEXTANT_LIBFUZZER
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

// Three times in four only the changes of rows: the pages are whole then.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  const std::size_t file = FileBytes({reinterpret_cast<const char*>(data), size});
  if (seed % 4 == 0 || file >= max_size) return LLVMFuzzerMutate(data, size, max_size);
  const std::size_t room = std::min(max_size - file, kMaxEdits * kEditBytes);
  return file + LLVMFuzzerMutate(data + file, std::min(size - file, room), room);
}
#endif

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t file = FileBytes(bytes);
  const std::string folder = FuzzFolder() + "/one", path = folder + "/study.db";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  std::ofstream(path, std::ios::binary) << bytes.substr(0, file);
  if (bytes.size() >= file + kEditBytes) Edit(path, bytes.substr(file));

  const auto id = server::CheckStudyFile(path, "", Laws(), std::int64_t{64} << 20, [] { return false; });
  if (!id.ok()) {
    if (id.status().message().empty()) Fail("refused without a reason");
    return 0;
  }
  // What was found good is taken in; nothing of it stays.
  const absl::Status imported = Target().Write([&](storage::Transaction& transaction) {
    const auto taken = storage::ImportStudyFile(path, transaction, *id);
    return taken.ok() ? absl::AbortedError("enough") : taken.status();
  });
  if (!absl::IsAborted(imported)) Fail("checked, but not taken in: " + std::string(imported.message()));
  return 0;
}
