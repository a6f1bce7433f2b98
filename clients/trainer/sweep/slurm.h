// SPDX-License-Identifier: Apache-2.0
// A sweep as a Slurm job array.
#pragma once

#include <string>

namespace sextant::trainer {

// A batch script whose `jobs` tasks, one GPU each, train the shards of the sweep file into NAME.<task>.jsonl.
// Resubmitting it resumes every shard.
std::string SlurmScript(const std::string& sweep_path, const std::string& name, int jobs);

}  // namespace sextant::trainer
