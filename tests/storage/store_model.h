// SPDX-License-Identifier: Apache-2.0
// Random operations on a store and on the reference, which must answer alike throughout.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>

#include "storage/store.h"

namespace sextant::storage {

/// `open` opens the one store that the operations go to, again and again. Replay a failure with
/// SEXTANT_TEST_SEED=<the seed it prints>.
void AgreesWithTheReference(const std::function<absl::StatusOr<std::shared_ptr<Store>>()>& open);

}  // namespace sextant::storage
