// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/sweep/slurm.h"

#include <absl/strings/str_cat.h>

namespace sextant::trainer {
namespace {

// Quotes for a POSIX shell.
std::string ShellQuote(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

// Slurm reads #SBATCH lines without a shell: keep what needs no quoting.
std::string Plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '.';
    out += safe ? c : '_';
  }
  return out;
}

}  // namespace

std::string SlurmScript(const std::string& sweep_path, const std::string& name, int jobs) {
  return absl::StrCat(
      "#!/bin/bash\n#SBATCH --job-name=", Plain(name), "\n#SBATCH --array=0-", jobs - 1,
      "\n#SBATCH --nodes=1\n#SBATCH --ntasks=1\n#SBATCH --gpus-per-task=1\n",
      "#SBATCH --output=", Plain(name), ".%a.log\n",
      "# Each task trains its share of the packs and skips the runs its file already holds.\n",
      "exec sextant-train sweep ", ShellQuote(sweep_path), " --shard \"$SLURM_ARRAY_TASK_ID/", jobs,
      "\" --out ", ShellQuote(Plain(name)), ".\"$SLURM_ARRAY_TASK_ID\".jsonl\n");
}

}  // namespace sextant::trainer
