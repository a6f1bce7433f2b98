// SPDX-License-Identifier: Apache-2.0
// What the services share. Owned by Server; members are destroyed in reverse order.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "server/access/access.h"
#include "server/calls.h"
#include "server/executor.h"
#include "server/fit_jobs.h"
#include "server/fit_table.h"
#include "server/law_table.h"
#include "server/observe/metrics.h"
#include "server/quota.h"
#include "server/study_sizes.h"
#include "server/track_records.h"
#include "storage/store.h"
#include "storage/writer.h"

namespace sextant::server {

struct Core {
  Core(std::shared_ptr<storage::Store> the_store, std::unique_ptr<LawTable> the_laws, int threads);
  ~Core() { Stop(); }

  const std::shared_ptr<storage::Store> store;
  Access access;
  Metrics metrics;
  const std::unique_ptr<LawTable> laws;
  FitTable fits;
  StudySizes sizes;
  TrackRecords track_records;
  storage::Writer writer;
  FitJobs jobs;
  Executor executor, ingest, heavy, copies;
  const Calls calls;
  Quota uploads, imports, downloads, watches, run_watches, batches;
  Quota scratch;                                 ///< bytes of files beside the database
  std::chrono::milliseconds stream_patience{0};  ///< how long nothing may happen on an upload or download
  int disk_reserve_mb = -1;                      ///< as ServerOptions has it
  std::string database;                          ///< path, or URL without its password
  bool database_is_file = true;
  bool asks_for_tokens = false;  ///< false where only this process calls
  std::string why_read_only;     ///< not empty: the store refuses writes

  /// Opens a snapshot. Hold it for reading, not while computing. Errors name the database.
  absl::StatusOr<std::unique_ptr<storage::Snapshot>> Read() const;
  /// Loads user laws, studies and fits; fits that a dead process left running are marked failed.
  absl::Status LoadFromStore();
  /// Takes up the tokens of the database, and that a token is asked for where there are any.
  absl::Status ReadTokens();
  /// Takes up what is known of how forecasts turned out. Logs what goes wrong.
  void LoadTrackRecords();
  /// Serves a study that has come into the store whole, with its fits and the user laws that came along.
  absl::Status LoadStudy(const std::string& id);
  /// Ends fits, then everything that waits, then commits what is queued. After the gRPC server has stopped.
  /// Idempotent.
  void Stop();

 private:
  absl::Status LoadLaws(storage::Snapshot& snapshot);
  absl::Status LoadFits(storage::Snapshot& snapshot, const std::string& study);
  /// Serves a fit; one that a dead process left running is marked failed.
  absl::Status Serve(storage::Fit fit);

  void AddGauges();

  bool stopped_ = false;
};

}  // namespace sextant::server
