// SPDX-License-Identifier: Apache-2.0
// What the service says of its fields, in the words of the command line.
#pragma once

#include <string>

namespace sextant::cli {

/// "give batch_size_tokens" as "give --batch-size-tokens", "at[U]" as "--at U=NUMBER", and methods as
/// commands. Other text stays as it is.
std::string InFlagTerms(std::string text);

}  // namespace sextant::cli
