// SPDX-License-Identifier: Apache-2.0
// What the readers of databases do for each run.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "clients/importers/emit.h"
#include "clients/importers/log/log_run.h"

namespace sextant::importers {

/// Fills a run by `read` and emits it; rejects and notes meanwhile begin with `about`. A run with a value
/// beyond what is read of one (OUT_OF_RANGE) is a reject: its prompt or notes are no reason to lose the
/// others.
template <class Read>
absl::Status EmitDatabaseRun(Emitter& emitter, const std::string& about, const Read& read) {
  emitter.About(about);
  LogRun log(emitter);
  absl::Status done = read(&log);
  if (absl::IsOutOfRange(done)) {
    emitter.Reject(0, std::string(done.message()));
    done = absl::OkStatus();
  } else if (done.ok()) {
    done = log.Emit(emitter, 0);
  }
  emitter.About("");
  return done;
}

}  // namespace sextant::importers
