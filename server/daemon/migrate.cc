// SPDX-License-Identifier: Apache-2.0
#include "server/daemon/migrate.h"

#include <unistd.h>

#include <cstdio>

#include "storage/move_store.h"

namespace sextant::server {

void AddMigrateFlags(CLI::App& app, MigrateFlags& flags) {
  app.add_option("FROM", flags.from, "the database to copy: a path or a URL, as --db takes it")->required();
  app.add_option("TO", flags.to,
                 "where to: made if missing; empty, or what this command left when it was interrupted")
      ->required();
}

int RunMigrate(int argc, char** argv) {
  CLI::App app(
      "Copies a whole database into another, between engines too, and compares the two. The first stays as "
      "it is. "
      "Stop its server before: what is written meanwhile is not copied.",
      "sextantd migrate");
  MigrateFlags flags;
  AddMigrateFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const bool shows_progress = isatty(STDERR_FILENO) == 1;
  const auto moved =
      storage::MoveStore(flags.from, flags.to, [&](const std::string& table, std::int64_t rows) {
        if (shows_progress)
          std::fprintf(stderr, "\r\033[K%s: %lld rows", table.c_str(), static_cast<long long>(rows));
      });
  if (shows_progress) std::fputs("\r\033[K", stderr);
  if (!moved.ok()) {
    std::fprintf(stderr, "sextantd: %s\n", std::string(moved.status().message()).c_str());
    return moved.status().code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
  }
  std::printf("%-24s %12s  %s\n", "table", "rows", "digest (equal in both)");
  for (const storage::MovedTable& table : *moved) {
    std::printf("%-24s %12lld  %s\n", table.name.c_str(), static_cast<long long>(table.rows),
                table.digest.c_str());
  }
  return 0;
}

}  // namespace sextant::server
