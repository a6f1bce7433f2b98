#include "clients/importers/folder_walk.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/event_files.h"
#include "clients/importers/limits.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/path_pattern.h"

namespace sextant::importers {
namespace {

namespace fs = std::filesystem;

bool StartsWith(const std::string& text, std::string_view prefix) { return text.rfind(prefix, 0) == 0; }
bool EndsWith(const std::string& text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

// The step that a trainer_state.json says it was written at; its keys are sorted, so that it stands before
// the history. -1 if it does not say.
std::int64_t GlobalStep(const std::string& path) {
  auto source = ByteSource::Open(path);
  const auto head = source.ok() ? (*source)->Head() : source.status();
  const auto step = head.ok() ? NumberAfter(*head, "\"global_step\":") : std::nullopt;
  return step && *step >= 0 && *step < 9e15 ? static_cast<std::int64_t>(*step) : -1;
}

}  // namespace

struct FolderWalk::Listing {
  std::string folder;
  std::set<std::string> files, folders;
  bool has_file(const std::string& name) const { return files.count(name) > 0; }
  bool has_folder(const std::string& name) const { return folders.count(name) > 0; }
  std::string path(const std::string& name) const { return folder + "/" + name; }
};

// False if the folder cannot be read; the reason is kept.
bool FolderWalk::Read(const std::string& folder, std::size_t depth, Listing* listing) {
  listing->folder = folder.size() > 1 && folder.back() == '/' ? folder.substr(0, folder.size() - 1) : folder;
  if (depth > kMaxFolderDepth) {
    out_.failed.push_back({folder, absl::StrCat("nested deeper than ", kMaxFolderDepth, " folders")});
    return false;
  }
  const auto names = ListFolder(folder, &visited_);
  if (!names.ok()) {
    if (absl::IsResourceExhausted(names.status())) {
      limit_ = names.status();
    } else {
      out_.failed.push_back({folder, std::string(names.status().message())});
    }
    return false;
  }
  for (const std::string& name : *names) {
    if (name[0] == '.') continue;
    std::error_code error;
    const fs::file_status status = fs::status(listing->path(name), error);
    if (fs::is_directory(status)) {
      if (fs::is_symlink(fs::symlink_status(listing->path(name), error))) {
        out_.passed_over.push_back({listing->path(name), "a link to a folder"});
      } else {
        listing->folders.insert(name);
      }
    } else if (fs::is_regular_file(status)) {
      listing->files.insert(name);
    } else {
      out_.passed_over.push_back({listing->path(name), error ? error.message() : "not a regular file"});
    }
  }
  return true;
}

absl::Status FolderWalk::Add(Input input) {
  if (out_.inputs.size() >= kMaxInputs) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", kMaxInputs, " files to read; name a smaller folder"));
  }
  input.found = true;
  out_.inputs.push_back(std::move(input));
  return absl::OkStatus();
}

absl::Status FolderWalk::AddEvents(Listing* listing, const std::string& name) {
  Input input;
  for (auto it = listing->files.begin(); it != listing->files.end();) {
    if (IsEventFileName(*it)) {
      input.parts.push_back(listing->path(*it));
      it = listing->files.erase(it);
    } else {
      ++it;
    }
  }
  if (input.parts.empty()) return absl::OkStatus();
  // PyTorch's add_hparams writes to a folder of its own, named by the time.
  for (auto it = listing->folders.begin(); it != listing->folders.end();) {
    Listing inner;
    if (IsHparamsFolderName(*it) && Read(listing->path(*it), 0, &inner) && inner.folders.empty() &&
        !inner.files.empty() && std::all_of(inner.files.begin(), inner.files.end(), &IsEventFileName)) {
      for (const std::string& file : inner.files) input.parts.push_back(inner.path(file));
      it = listing->folders.erase(it);
    } else {
      ++it;
    }
  }
  input.path = listing->folder;
  input.format = "tensorboard";
  input.why = absl::StrCat("a folder of ", input.parts.size(), " event files");
  input.run_name = name;
  if (listing->has_file("hparams.yaml")) input.settings = listing->path("hparams.yaml");
  return Add(std::move(input));
}

absl::Status FolderWalk::AddCheckpoints(Listing* listing, const std::string& name) {
  constexpr std::string_view kPrefix = "checkpoint-", kFile = "trainer_state.json";
  std::int64_t newest = -1;
  std::string path, place;
  std::vector<std::string> all;
  const auto consider = [&](const std::string& file, std::int64_t step, const std::string& where) {
    all.push_back(file);
    if (step >= newest) {
      newest = step;
      path = file;
      place = where;
    }
  };
  for (auto it = listing->folders.begin(); it != listing->folders.end();) {
    const auto step =
        StartsWith(*it, kPrefix) ? ParseInt64(std::string_view(*it).substr(kPrefix.size())) : std::nullopt;
    const std::string file = listing->path(*it) + "/" + std::string(kFile);
    std::error_code error;
    if (!step || !fs::is_regular_file(file, error)) {
      ++it;
      continue;
    }
    consider(file, *step, *it);
    it = listing->folders.erase(it);
  }
  if (all.empty()) return absl::OkStatus();
  if (listing->files.erase(std::string(kFile)) > 0) {
    // What the trainer saves beside the checkpoints at the end, which may be of an earlier part of the run.
    const std::string file = listing->path(std::string(kFile));
    consider(file, GlobalStep(file), "the folder itself");
  }
  if (listing->folders.erase("runs") > 0)
    out_.passed_over.push_back({listing->path("runs"), "the trainer's event files: its state says the same"});
  for (const std::string& file : all) {
    if (file != path)
      out_.passed_over.push_back({file, "an older checkpoint: the newest repeats its history"});
  }
  return Add({path,
              "trainer-state",
              absl::StrCat("the newest of ", all.size(), " states, in ", place),
              name,
              "",
              {}});
}

absl::Status FolderWalk::AddRest(const Listing& listing, const std::string& name) {
  for (const std::string& file : listing.files) {
    Input input;
    input.path = listing.path(file);
    input.run_name = name + "/" + file;
    if (file == "metrics.csv" && listing.has_file("hparams.yaml")) {
      input.settings = listing.path("hparams.yaml");
    }
    if (absl::Status added = Add(std::move(input)); !added.ok()) return added;
  }
  return absl::OkStatus();
}

absl::Status FolderWalk::Walk(const std::string& folder, const std::string& name, std::size_t depth) {
  Listing listing;
  if (!Read(folder, depth, &listing)) return limit_;
  if (listing.has_file("meta.yaml") &&
      (listing.has_folder("metrics") || listing.has_folder("params") || listing.has_folder("tags"))) {
    return Add({listing.folder, "mlflow", "a folder with meta.yaml and metrics", name, "", {}});
  }
  const auto log = std::find_if(listing.files.begin(), listing.files.end(),
                                [](const std::string& file) { return EndsWith(file, ".wandb"); });
  if (log != listing.files.end()) {
    const std::string config = listing.path("files/config.yaml");
    std::error_code error;
    const bool configured = fs::is_regular_file(config, error);
    return Add({listing.path(*log),
                "wandb",
                "the transaction log of a W&B run folder",
                name,
                configured ? config : "",
                {}});
  }
  if (listing.has_file("result.json")) {
    // Ray writes every result three times.
    for (auto it = listing.files.begin(); it != listing.files.end();) {
      const bool copy = *it == "progress.csv" || IsEventFileName(*it);
      if (copy) out_.passed_over.push_back({listing.path(*it), "result.json beside it says the same"});
      it = copy || *it == "params.json" ? listing.files.erase(it) : std::next(it);
    }
  }
  if (absl::Status added = AddEvents(&listing, name); !added.ok()) return added;
  if (absl::Status added = AddCheckpoints(&listing, name); !added.ok()) return added;
  if (absl::Status added = AddRest(listing, name); !added.ok()) return added;
  if (!limit_.ok()) return limit_;
  for (const std::string& inner : listing.folders) {
    if (absl::Status walked = Walk(listing.path(inner), name + "/" + inner, depth + 1); !walked.ok()) {
      return walked;
    }
  }
  return absl::OkStatus();
}

}  // namespace sextant::importers
