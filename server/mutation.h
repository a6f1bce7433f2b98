// SPDX-License-Identifier: Apache-2.0
// Changes to the store: committed by the writer thread, once for each request id.
#pragma once

#include <absl/status/status.h>
#include <google/protobuf/message.h>

#include <string>

#include "server/calls.h"
#include "storage/writer.h"

namespace sextant::server {

/// Hands `work` to the writer and `finish` the outcome, once it is durable. Errors of the store are given
/// reasons that name the resource (`type`, `name`).
void Commit(storage::Writer& writer, const std::string& type, const std::string& name,
            storage::Writer::Work work, Finish finish);

/// Runs `work` in a part of `transaction` that also remembers `response` under `request_id`; with an id that
/// is known already, `response` becomes the first answer and nothing else happens. An empty id just runs
/// `work`. INVALID_ARGUMENT (REQUEST_ID_REUSED) when the id came with another body.
absl::Status OncePerRequest(storage::Transaction& transaction, const std::string& request_id,
                            const google::protobuf::Message& request, google::protobuf::Message& response,
                            const storage::Writer::Work& work);

/// NOT_FOUND unless the study is there and is the one with this uid: another may have taken the id of one
/// that was deleted.
absl::Status CheckSameStudy(storage::Snapshot& snapshot, const std::string& study, std::int64_t uid);

/// INVALID_ARGUMENT for a request id that is too long or not printable ASCII.
absl::Status CheckRequestId(const std::string& request_id);

}  // namespace sextant::server
