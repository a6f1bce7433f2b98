// SPDX-License-Identifier: Apache-2.0
// Fits that a command waits for.
#pragma once

#include "clients/cli/session.h"
#include "sextant/v1/fit_service.pb.h"

namespace sextant::cli {

/// Starts a fit and waits for its end, showing how far it has come. `fit` is the last state of it. After
/// Ctrl-C the fit is cancelled where it runs. Exit code; a failure has been printed. The caller holds an
/// InterruptScope.
int MakeFit(Session& session, const v1::CreateFitRequest& request, v1::Fit* fit);

/// Prints why a fit that has ended has no result; kExitOk for one that has.
int FailUnlessSucceeded(Session& session, const v1::Fit& fit);

/// Reads WatchFit's stream until the fit has ended.
grpc::Status WatchToEnd(Session& session, const std::string& name, v1::Fit* fit);

}  // namespace sextant::cli
