// SPDX-License-Identifier: Apache-2.0
// The one place where an absl::Status becomes a grpc::Status.
#pragma once

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

#include <exception>
#include <new>
#include <string>

#include "base/give_up.h"
#include "server/error.h"

namespace sextant::server {

/// Same code and message (capped at kMaxStatusMessageBytes, never inside a UTF-8 character), payloads as
/// google.rpc.Status details (capped at kMaxStatusDetailsBytes: details that do not fit are left out;
/// ErrorInfo comes first).
grpc::Status ToGrpc(const absl::Status& status);

/// Runs `work`; an exception becomes a status (GivenUp: CANCELLED, bad_alloc: RESOURCE_EXHAUSTED, others:
/// INTERNAL). gRPC's
/// callback API would otherwise tell the client UNIMPLEMENTED.
template <typename Work>
absl::Status StopExceptions(Work&& work) {
  try {
    return work();
  } catch (const GivenUp&) {
    return absl::CancelledError("the call was given up");
  } catch (const std::bad_alloc&) {
    return QuotaExceeded("OUT_OF_MEMORY", "memory", "the server is out of memory", 10);
  } catch (const std::exception& error) {
    return WithReason(absl::InternalError(std::string("unexpected failure: ") + error.what()), "INTERNAL");
  }
}

}  // namespace sextant::server
