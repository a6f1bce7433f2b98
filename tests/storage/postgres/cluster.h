// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL server of a test's own.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "tests/storage/temp_folder.h"

namespace sextant::storage {

/// A server in a temporary folder, reached through a socket there, without fsync, and as an unprivileged user
/// when the test runs as root. It ends with this object, and with the process.
class PostgresCluster {
 public:
  /// The one that all tests of this program share, started by the first that asks; nullptr where PostgreSQL
  /// is not installed. Throws when it is and does not start.
  static PostgresCluster* Shared();
  /// One of one's own; with `durable` it takes no risks, as a server that is used.
  static std::unique_ptr<PostgresCluster> Make(bool durable);
  ~PostgresCluster();
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  /// The URL of a new, empty schema.
  std::string NewUrl();
  /// Runs SQL as the superuser and returns the first value of its answer.
  std::string Ask(const std::string& sql);
  /// Ends the server's processes without any order, and starts it again.
  void Crash();

 private:
  PostgresCluster(std::string binaries, bool durable);
  void Start();
  void AwaitStart();
  std::string Url(const std::string& schema) const;

  TempFolder folder_;
  const std::string binaries_;
  const bool durable_;
  pid_t server_ = 0;
  int schemas_ = 0;
};

}  // namespace sextant::storage
