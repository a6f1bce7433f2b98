// SPDX-License-Identifier: Apache-2.0
// Parameter counts and loss units as the command line spells them.
#pragma once

#include <string>

#include "sextant/v1/study_service.pb.h"

namespace sextant::cli {

bool ParseParamCount(const std::string& word, v1::ParamCount* count);
bool ParseLossUnit(const std::string& word, v1::LossUnit* unit);
std::string ParamCountWord(v1::ParamCount count);
std::string LossUnitWord(v1::LossUnit unit);
/// "a, b or c".
std::string ParamCountWords();
std::string LossUnitWords();

/// The run field that holds the count a study's laws use: "params_non_embedding", ….
std::string ParamsFieldOf(v1::ParamCount count);

}  // namespace sextant::cli
