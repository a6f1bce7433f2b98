// SPDX-License-Identifier: Apache-2.0
// TensorBoard's event files, by their names and places.
#pragma once

#include <string>
#include <vector>

#include "clients/importers/inputs.h"

namespace sextant::importers {

/// Whether a file is named as TensorBoard's writers name theirs.
bool IsEventFileName(const std::string& name);
/// Whether a folder is named by a time, as PyTorch's add_hparams names those that it makes beside a run's
/// events.
bool IsHparamsFolderName(const std::string& name);

/// Makes one input of all event files among `*inputs` that stand in one folder, as if the folder had been
/// named: in the place of the first, in name order, with hparams.yaml beside them and the files of
/// add_hparams with those of the run. The run is named by its folder's own name, or by the folder's path
/// where two folders here share a name. Files that do not hold events stay as they are. Looks at the heads of
/// the files.
void GroupEventFiles(std::vector<Input>* inputs);

}  // namespace sextant::importers
