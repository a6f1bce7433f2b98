// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/completion.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "clients/cli/commands/paging.h"
#include "clients/importers/import.h"
#include "sextant/v1/forecast_service.grpc.pb.h"
#include "sextant/v1/law_service.grpc.pb.h"
#include "sextant/v1/study_service.grpc.pb.h"

namespace sextant::cli {
namespace {

constexpr char kBash[] = R"(# bash completion for sextant: source <(sextant completion bash)
_sextant() {
  local IFS=$'\n'
  COMPREPLY=($(sextant __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -o nospace -F _sextant sextant
)";

constexpr char kZsh[] = R"(#compdef sextant
# zsh completion for sextant: source <(sextant completion zsh)
_sextant() {
  local -a candidates
  candidates=("${(@f)$(sextant __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "${candidates[1]}" ]]; then compadd -S '' -- "${candidates[@]}"; else _files; fi
}
compdef _sextant sextant
)";

constexpr char kFish[] = R"(# fish completion for sextant: sextant completion fish | source
function __sextant_complete
  set -l words (commandline -opc) (commandline -ct)
  sextant __complete $words[2..-1] 2>/dev/null
end
complete -c sextant -a '(__sextant_complete)'
)";

int RunCompletion(Session& session, const std::string& shell) {
  if (shell == "bash") {
    std::fputs(kBash, stdout);
  } else if (shell == "zsh") {
    std::fputs(kZsh, stdout);
  } else if (shell == "fish") {
    std::fputs(kFish, stdout);
  } else {
    return session.FailUsage("there is no completion for '" + Safe(shell) + "'", "use bash, zsh or fish");
  }
  return kExitOk;
}

// The option that `word` names, if it takes a value.
const CLI::Option* ValueOption(const CLI::App* app, const std::string& word) {
  for (const CLI::App* at = app; at != nullptr; at = at->get_parent()) {
    for (const CLI::Option* option : at->get_options()) {
      if (option->check_name(word)) return option->get_expected_min() > 0 ? option : nullptr;
    }
  }
  return nullptr;
}

class Candidates {
 public:
  explicit Candidates(const std::vector<std::string>& words) : prefix_(words.empty() ? "" : words.back()) {
    Globals globals;
    globals.quiet = true;
    globals.timeout_s = 1;
    const auto environment = [](const char* name) {
      const char* value = std::getenv(name);
      return std::string(value == nullptr ? "" : value);
    };
    globals.server = environment("SEXTANT_SERVER");
    if (globals.server.empty()) globals.db = environment("SEXTANT_DB");
    for (std::size_t i = 0; i + 2 < words.size(); ++i) {
      if (words[i] == "--study") study_ = words[i + 1];
      if (words[i] == "--server") globals.server = words[i + 1];
      if (words[i] == "--db") {
        globals.db = words[i + 1];
        globals.server.clear();
      }
    }
    session_ = std::make_unique<Session>(globals);
  }

  void Offer(const std::string& candidate) const {
    if (candidate.rfind(prefix_, 0) == 0) std::printf("%s\n", Safe(candidate).c_str());
  }

  void OfferStudies() {
    if (!Reach()) return;
    v1::ListStudiesRequest request;
    v1::ListStudiesResponse response;
    request.set_page_size(1000);
    if (!session_->TryCall(&v1::StudyService::Stub::ListStudies, request, &response).ok()) return;
    for (const v1::Study& study : response.studies()) Offer(IdOf(study.name()));
  }

  /// The newest thousand.
  void OfferForecasts() {
    if (study_.empty() || !Reach()) return;
    v1::ListForecastsRequest request;
    v1::ListForecastsResponse response;
    request.set_parent(StudyName(study_));
    request.set_page_size(1000);
    if (!session_->TryCall(&v1::ForecastService::Stub::ListForecasts, request, &response).ok()) return;
    for (const v1::Forecast& forecast : response.forecasts()) Offer(IdOf(forecast.name()));
  }

  void OfferLaws() {
    if (!Reach()) return;
    v1::ListLawsRequest request;
    v1::ListLawsResponse response;
    request.set_page_size(1000);
    if (!session_->TryCall(&v1::LawService::Stub::ListLaws, request, &response).ok()) return;
    for (const v1::Law& law : response.laws()) Offer(IdOf(law.name()));
  }

 private:
  bool Reach() {
    std::error_code error;
    const bool remote = !session_->globals().server.empty();
    return (remote || std::filesystem::exists(session_->database(), error)) && session_->Connect() == kExitOk;
  }

  std::string prefix_, study_;
  std::unique_ptr<Session> session_;
};

void OfferValues(const CLI::Option& option, Candidates* candidates) {
  const std::string name = option.get_name();
  if (name == "--study") {
    candidates->OfferStudies();
  } else if (name == "--forecast") {
    candidates->OfferForecasts();
  } else if (name == "--law") {
    candidates->OfferLaws();
  } else if (option.check_name("--output")) {
    for (const char* format : {"table", "json", "jsonl", "csv", "tsv", "markdown"}) candidates->Offer(format);
  } else if (name == "--format") {
    candidates->Offer("auto");
    for (const std::string& format : importers::FormatNames()) candidates->Offer(format);
  } else if (name == "--color") {
    for (const char* when : {"auto", "always", "never"}) candidates->Offer(when);
  }
}

}  // namespace

int PrintCompletions(const CommandTree& tree, const std::vector<std::string>& words) {
  const CLI::App* at = &tree.root();
  const CLI::Option* awaiting = nullptr;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (awaiting != nullptr) {
      awaiting = nullptr;
      continue;
    }
    const std::string& word = words[i];
    if (word.size() > 1 && word[0] == '-') {
      awaiting = word.find('=') == std::string::npos ? ValueOption(at, word) : nullptr;
      continue;
    }
    for (const CLI::App* sub : at->get_subcommands([](const CLI::App*) { return true; })) {
      if (sub->get_name() == word) at = sub;
    }
  }
  Candidates candidates(words);
  if (awaiting != nullptr) {
    OfferValues(*awaiting, &candidates);
    return kExitOk;
  }
  const std::string prefix = words.empty() ? "" : words.back();
  for (const CLI::App* sub : at->get_subcommands([](const CLI::App*) { return true; }))
    candidates.Offer(sub->get_name() + " ");
  if (!prefix.empty() && prefix[0] == '-') {
    for (const CLI::App* level = at; level != nullptr; level = level->get_parent()) {
      for (const CLI::Option* option : level->get_options()) {
        for (const std::string& name : option->get_lnames()) candidates.Offer("--" + name + " ");
      }
    }
  }
  const CLI::App* parent = at->get_parent();
  const std::string path = parent == nullptr ? "" : parent->get_name() + " " + at->get_name();
  if (path == "studies show" || path == "studies delete") candidates.OfferStudies();
  if (path == "forecasts show" || path == "forecasts delete") candidates.OfferForecasts();
  if (path == "laws show" || path == "laws delete") candidates.OfferLaws();
  if (path == "sextant completion") {
    for (const char* shell : {"bash", "zsh", "fish"}) candidates.Offer(shell);
  }
  return kExitOk;
}

void AddCompletion(CommandTree& tree) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command =
      tree.AddCommand(nullptr, "completion", "print a completion script for bash, zsh or fish",
                      {"source <(sextant completion bash)", "source <(sextant completion zsh)",
                       "sextant completion fish | source"});
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required();
  tree.SetRun(command, [shell](Session& session) { return RunCompletion(session, *shell); });
}

}  // namespace sextant::cli
