// SPDX-License-Identifier: Apache-2.0
// Several fits of one quantity as one predictor: the newest that can answer does.
#pragma once

#include <memory>
#include <vector>

#include "fitting/predict.h"

namespace sextant::server {

/// `newest_first` is not empty. One fit alone is returned as it is. What is not a prediction (the law, the
/// fit, penalties) is of the newest. When an older one answers, a warning says why the newer ones do not.
std::shared_ptr<const fitting::Predictor> NewestAnswer(
    std::vector<std::shared_ptr<const fitting::Predictor>> newest_first);

}  // namespace sextant::server
