// SPDX-License-Identifier: Apache-2.0
#include "server/published.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "server/error.h"
#include "server/names.h"

namespace sextant::server {
namespace {

// Keys of ListWithPublished begin with what is left to list; the store's own key follows.
constexpr char kBoth = 'b';       // the published study and more of the store
constexpr char kStore = 's';      // more of the store
constexpr char kPublished = 'p';  // the published study alone

}  // namespace

void PublishedStudyToProto(const LawTable::Snapshot& laws, v1::Study& message) {
  message.set_name(StudyName(kPublishedStudy));
  message.set_title("Published laws");
  message.set_description(
      "Laws with the values that their authors published, as read-only fits. Each states in its law how it "
      "counts parameters.");
  message.set_etag("published");
  message.set_read_only(true);
  message.set_fit_count(static_cast<int>(std::count_if(
      laws.begin(), laws.end(), [](const auto& item) { return item.second.predictor != nullptr; })));
}

absl::Status RefusePublished(const std::string& study) {
  if (study != kPublishedStudy) return absl::OkStatus();
  return UnmetPrecondition(
      "STUDY_READ_ONLY", StudyName(study),
      "studies/published holds the published laws and cannot be changed; create a study of your own");
}

absl::StatusOr<storage::Page<storage::Study>> ListWithPublished(storage::Snapshot& snapshot, int limit,
                                                                const std::string& key) {
  const char left = key.empty() ? kBoth : key[0];
  const std::string store_key = key.empty() ? "" : key.substr(1);
  storage::Study published;
  published.id = kPublishedStudy;
  if (left == kPublished) return storage::Page<storage::Study>{{published}, ""};

  auto page = snapshot.ListStudies(limit, store_key);
  if (!page.ok()) return page.status();
  std::vector<storage::Study>& items = page->items;
  const bool more = !page->next_key.empty();
  if (left == kStore) {
    if (more) page->next_key = kStore + page->next_key;
    return page;
  }
  const auto place = std::find_if(items.begin(), items.end(),
                                  [](const storage::Study& study) { return study.id > kPublishedStudy; });
  if (place == items.end() && more) {  // it comes later
    page->next_key = kBoth + page->next_key;
    return page;
  }
  if (static_cast<int>(items.size()) < limit) {
    items.insert(place, published);
    if (more) page->next_key = kStore + page->next_key;
    return page;
  }
  if (place == items.end()) {  // the page is full and the store has no more
    page->next_key = std::string(1, kPublished);
    return page;
  }
  // The page is full: it ends with the published study, and the store is asked for just what comes before it,
  // so that its key goes on from there.
  storage::Page<storage::Study> shorter;
  std::string next = store_key;
  if (place != items.begin()) {
    ASSIGN_OR_RETURN(auto part, snapshot.ListStudies(place - items.begin(), store_key));
    shorter = std::move(part);
    next = shorter.next_key;
  }
  shorter.items.push_back(published);
  shorter.next_key = kStore + next;
  return shorter;
}

}  // namespace sextant::server
