// SPDX-License-Identifier: Apache-2.0
// Run messages and records.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "sextant/v1/run_service.pb.h"
#include "storage/records.h"
#include "storage/store.h"

namespace sextant::server {

/// The record as a message, without its curve. `declared`: what its study declares.
void RunToProto(const storage::Run& run, v1::Run& message,
                const std::vector<storage::DeclaredColumn>& declared = {});

/// A run that came from outside, checked. InvalidArgument lists every problem as "field: what is wrong":
///  - the parameter count that the study uses, and tokens, are required where the study declares nothing of
///  its
///    own; values are of what it declares, finite and within its bounds; counts, rates, batches and losses
///  that
///    are given must be positive and finite (warmup, decay, floor and betas may be zero);
///  - a loss that is NaN or infinite is no problem: the run is marked diverged;
///  - curve columns must have one length, with rising steps.
/// A run without an id gets one made of its content, so that the same run has the same id again. The curve is
/// encoded here, straight from the message, whose values that are not finite become NaN: the writer's thread,
/// which all uploads share, then only writes.
absl::StatusOr<storage::EncodedRun> RunFromProto(v1::Run& message, const storage::Study& study);

/// Where a run says that it came from, split into source and line ("sweep.csv:17"); line 0 without one.
struct SourceLine {
  std::string source;
  int line = 0;
};
SourceLine SplitSource(const std::string& source);

}  // namespace sextant::server
