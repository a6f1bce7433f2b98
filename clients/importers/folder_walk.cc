// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/folder_walk.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/folder_claims.h"
#include "clients/importers/format.h"
#include "clients/importers/limits.h"
#include "clients/importers/path_pattern.h"
#include "clients/importers/unreadable.h"

namespace sextant::importers {
namespace {

namespace fs = std::filesystem;

}  // namespace

// False if the folder cannot be read; the reason is kept.
bool FolderWalk::Read(const std::string& folder, std::size_t depth, FolderListing* listing) {
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
    if (name == ".aim")
      out_.passed_over.push_back(
          {listing->path(name), std::string("an Aim repository, which ") + kAimWayOut});
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

absl::Status FolderWalk::Walk(const std::string& folder, const std::string& name, std::size_t depth) {
  FolderListing listing;
  if (!Read(folder, depth, &listing)) return limit_;
  FolderClaims claims(
      &listing, name,
      [this](const std::string& inner, FolderListing* inside) { return Read(inner, 0, inside); },
      &out_.passed_over);
  for (const Format* format : Formats()) {
    if (format->claim != nullptr) format->claim(claims);
  }
  if (!limit_.ok()) return limit_;
  for (Input& input : claims.inputs()) {
    if (absl::Status added = Add(std::move(input)); !added.ok()) return added;
  }
  for (const std::string& file : listing.files) {
    Input input;
    input.path = listing.path(file);
    input.run_name = name + "/" + file;
    // Hugging Face keeps the model's configuration next to what was trained with it.
    if (listing.has_file("config.json") && file != "config.json")
      input.settings = listing.path("config.json");
    if (absl::Status added = Add(std::move(input)); !added.ok()) return added;
  }
  for (const std::string& inner : listing.folders) {
    if (absl::Status walked = Walk(listing.path(inner), name + "/" + inner, depth + 1); !walked.ok()) {
      return walked;
    }
  }
  return absl::OkStatus();
}

}  // namespace sextant::importers
