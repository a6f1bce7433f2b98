// SPDX-License-Identifier: Apache-2.0
// What tells runs apart that are not to be pooled: optimizer, schedule, tags, variables of the study.
#pragma once

#include <absl/status/statusor.h>
#include <google/protobuf/repeated_field.h>

#include <map>
#include <string>
#include <vector>

#include "storage/records.h"

namespace sextant::server {

/// The names to group by; {"optimizer"} where none is given. InvalidArgument, under group_by, for what no run
/// has.
absl::StatusOr<std::vector<std::string>> GroupNames(
    const google::protobuf::RepeatedPtrField<std::string>& given, const storage::Study& study);

/// The run's value of each name; empty where it has none.
std::map<std::string, std::string> GroupOf(const storage::Run& run, const storage::Study& study,
                                           const std::vector<std::string>& names);

/// "optimizer = adam, tags.task = mnist".
std::string GroupText(const std::map<std::string, std::string>& group);

}  // namespace sextant::server
