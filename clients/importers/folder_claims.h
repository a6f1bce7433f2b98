// SPDX-License-Identifier: Apache-2.0
// One folder of a walk, from which formats take what they know.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "clients/importers/inputs.h"

namespace sextant::importers {

/// The names in one folder, hidden ones and links to folders left out.
struct FolderListing {
  std::string folder;
  std::set<std::string> files, folders;
  bool has_file(const std::string& name) const { return files.count(name) > 0; }
  bool has_folder(const std::string& name) const { return folders.count(name) > 0; }
  std::string path(const std::string& name) const { return folder + "/" + name; }
};

/// What a format's `claim` sees and changes: files and folders that it takes are erased from the listing, so
/// that nobody looks at them again. Not thread-safe.
class FolderClaims {
 public:
  using Lister = std::function<bool(const std::string& folder, FolderListing* listing)>;

  /// `name` names the folder in run names. `list` reads folders inside.
  FolderClaims(FolderListing* listing, std::string name, Lister list, std::vector<PassedOver>* passed_over)
      : listing_(*listing), name_(std::move(name)), list_(std::move(list)), passed_over_(*passed_over) {}

  FolderListing& listing() { return listing_; }
  const std::string& name() const { return name_; }
  /// Lists a folder inside; false if it cannot be read.
  bool List(const std::string& inner, FolderListing* listing) { return list_(listing_.path(inner), listing); }

  /// Makes an input of what was taken.
  void Add(Input input) { inputs_.push_back(std::move(input)); }
  /// Says of something that was taken why nobody reads it.
  void PassOver(const std::string& path, const std::string& why) { passed_over_.push_back({path, why}); }
  /// Takes all that is left in the folder.
  void TakeAll() {
    listing_.files.clear();
    listing_.folders.clear();
  }

  std::vector<Input>& inputs() { return inputs_; }

 private:
  FolderListing& listing_;
  std::string name_;
  Lister list_;
  std::vector<PassedOver>& passed_over_;
  std::vector<Input> inputs_;
};

}  // namespace sextant::importers
