// SPDX-License-Identifier: Apache-2.0
// The published systems that the catalogue covers, by the ids of their laws.
#pragma once

#include <string>
#include <vector>

namespace sextant::fitting {

struct PublishedSystem {
  const char* name;
  std::vector<std::string> prefixes;  ///< of law ids
};

inline const std::vector<PublishedSystem>& PublishedSystems() {
  static const std::vector<PublishedSystem> systems = {
      {"Step Law", {"step-law-"}},
      {"Farseer", {"loss-farseer"}},
      {"Chinchilla and the Epoch replication", {"chinchilla-", "loss-chinchilla"}},
      {"Kaplan et al.", {"kaplan-", "loss-kaplan"}},
      {"McCandlish et al., gradient noise", {"mccandlish-"}},
      {"Zhang et al., critical batch", {"zhang-"}},
      {"Su et al., trajectories", {"loss-trajectory"}},
      {"Surge", {"surge-lr"}},
      {"Power Scheduler", {"power-scheduler"}},
      {"MiniCPM", {"minicpm-"}},
      {"DeepSeek LLM", {"deepseek-"}},
      {"Porian et al.", {"porian-"}},
      {"Bjorck et al.", {"bjorck-lr"}},
      {"Shuai et al.", {"shuai-"}},
      {"Rules between batches", {"goyal-", "smith-", "granziol-", "malladi-", "halflife-", "wang-", "ema-"}},
      {"OpenEuroLLM", {"oellm-", "loss-skaling"}},
      {"Hestness et al.", {"hestness-"}},
      {"Bahri et al.", {"bahri-"}},
      {"Learning curves M1 to M4 and broken power laws", {"curve-"}},
      {"Muennighoff et al., repeated data", {"muennighoff"}},
      {"Infinite compute", {"infinite-compute-"}},
      {"Bryant and Liu", {"loss-bryant-liu"}},
      {"Rectified fine-tuning", {"rectified-ft"}},
      {"D-CPT", {"loss-d-cpt"}},
      {"Critical mixture ratio", {"cmr-"}},
      {"Low-bit degradation (QiD)", {"qid"}},
      {"Precision", {"precision-"}},
      {"Tissue, annealing", {"tissue"}},
      {"Multi-power law", {"mpl"}},
      {"Power Lines", {"power-lines-"}},
      {"Schaipp et al.", {"schaipp-"}},
      {"Ling", {"ling-moe-"}},
      {"Scion norms", {"scion-"}},
      {"CompleteP and Delphi", {"completed-p-lr", "delphi-"}},
      {"marin recipes", {"marin-", "muonh-moe-", "adamh-moe-", "c-adamc-"}},
      {"HyperP (ArchScale)", {"hyperp-"}},
      {"nanochat", {"nanochat-"}},
      {"MM1", {"mm1-lr"}},
      {"Llama 3", {"llama3-"}},
      {"Pearce and Song", {"pearce-song"}},
      {"SLDBench", {"sld-lrbs"}},
      {"G_stack", {"gstack-"}},
      {"Forms of a study's own",
       {"lr-power-", "batch-power-", "cbs-power-", "weight-decay-power-", "beta2-power-"}},
  };
  return systems;
}

}  // namespace sextant::fitting
