// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/reference_store.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "storage/curve_codec.h"
#include "storage/curve_parts.h"
#include "storage/merge.h"
#include "storage/relational/sql/json_text.h"
#include "storage/run_fields.h"
#include "tests/storage/reference_filter.h"

namespace sextant::storage {
namespace {

using absl::AlreadyExistsError;
using absl::InvalidArgumentError;
using absl::NotFoundError;

std::vector<std::string> SortedSet(const std::vector<std::string>& values) {
  const std::set<std::string> sorted(values.begin(), values.end());
  return {sorted.begin(), sorted.end()};
}

bool IsText(const std::string& text) { return relational::CheckText(text, "").ok(); }

bool IsWellFormed(const Run& run) {
  bool ok = !run.id.empty() && run.id.size() <= 200 && IsText(run.id) && IsText(run.schedule) &&
            IsText(run.optimizer) && IsText(run.source);
  for (const auto& [key, value] : run.tags) ok = ok && IsText(key) && IsText(value);
  for (const std::string& label : run.labels) ok = ok && IsText(label);
  return ok;
}

// Keyed by id; `after` is the id of the last one.
template <typename T>
absl::StatusOr<Page<T>> PageOf(const std::vector<T>& all, std::int64_t limit, const std::string& after) {
  if (limit < 1 || limit > 100'000) return InvalidArgumentError("limit");
  Page<T> page;
  for (const T& item : all) {
    if (item.id <= after) continue;
    if (static_cast<std::int64_t>(page.items.size()) == limit) {
      page.next_key = page.items.back().id;
      break;
    }
    page.items.push_back(item);
  }
  return page;
}

// Newest first; what is of one instant stays in order of id.
template <typename T>
absl::StatusOr<Page<T>> NewestFirst(const std::map<std::string, T>& items, Micros T::*time,
                                    std::int64_t limit, const std::string& after) {
  if (limit < 1 || limit > 100'000) return InvalidArgumentError("limit");
  std::vector<T> all;
  for (const auto& [id, item] : items) all.push_back(item);
  std::stable_sort(all.begin(), all.end(), [&](const T& a, const T& b) { return a.*time > b.*time; });
  auto begin = all.begin();
  if (!after.empty()) {
    begin = std::find_if(all.begin(), all.end(), [&](const T& item) { return item.id == after; });
    if (begin != all.end()) ++begin;
  }
  Page<T> page;
  for (; begin != all.end(); ++begin) {
    if (static_cast<std::int64_t>(page.items.size()) == limit) {
      page.next_key = page.items.back().id;
      break;
    }
    page.items.push_back(*begin);
  }
  return page;
}

// Known values before unknown ones, then by value, then by id; descending turns values and ids.
bool Before(const FieldValue& a, const std::string& a_id, const FieldValue& b, const std::string& b_id,
            bool descending) {
  if (a.known != b.known) return a.known;
  if (a.known && a.number != b.number) return descending ? b.number < a.number : a.number < b.number;
  if (a.known && a.text != b.text) return descending ? b.text < a.text : a.text < b.text;
  return descending ? b_id < a_id : a_id < b_id;
}

}  // namespace

absl::StatusOr<ReferenceTransaction::StudyEntry*> ReferenceTransaction::Find(const std::string& study_id) {
  const auto found = state_.studies.find(study_id);
  if (found == state_.studies.end()) return NotFoundError("no study " + study_id);
  return &found->second;
}

absl::Status ReferenceTransaction::CreateStudy(const Study& study) {
  if (state_.studies.contains(study.id)) return AlreadyExistsError(study.id);
  StudyEntry& entry = state_.studies[study.id];
  entry.study = study;
  entry.study.revision = std::max<std::int64_t>(study.revision, 1);
  entry.study.uid = ++state_.last_study_uid;
  return absl::OkStatus();
}

absl::Status ReferenceTransaction::UpdateStudy(const Study& study, std::int64_t expected_revision) {
  auto entry = Find(study.id);
  if (!entry.ok()) return entry.status();
  Study& stored = (*entry)->study;
  if (expected_revision != -1 && expected_revision != stored.revision) return absl::AbortedError("stale");
  const Study before = stored;
  stored = study;
  stored.uid = before.uid;
  stored.create_time = before.create_time;
  stored.revision = before.revision + 1;
  return absl::OkStatus();
}

absl::Status ReferenceTransaction::DeleteStudy(const std::string& id) {
  return state_.studies.erase(id) == 1 ? absl::OkStatus() : NotFoundError(id);
}

absl::StatusOr<std::vector<PutOutcome>> ReferenceTransaction::PutEncodedRuns(
    const std::string& study_id, std::span<const EncodedRun> encoded) {
  auto entry = Find(study_id);
  if (!entry.ok()) return entry.status();
  std::vector<RunWithCurve> runs;
  for (const EncodedRun& given : encoded) {
    if (!IsWellFormed(given.run)) return InvalidArgumentError(given.run.id);
    auto curve = given.curve.Decode();
    if (!curve.ok()) return curve.status();
    runs.push_back({given.run, *std::move(curve), given.curve_begin, given.curve_length});
  }
  std::vector<PutOutcome> outcomes;
  for (const RunWithCurve& given : runs) {
    if (given.curve_begin > 0 && !(*entry)->runs.contains(given.run.id)) {
      outcomes.push_back(PutOutcome::kConflict);
      continue;
    }
    auto [at, is_new] = (*entry)->runs.try_emplace(given.run.id);
    StoredRun& stored = at->second;
    if (is_new) {
      stored = {given.run, std::make_shared<const Curve>(given.curve)};
      stored.run.study_id = study_id;
      stored.run.labels = SortedSet(given.run.labels);
      (*entry)->labels[given.run.id][kUploadLabels] = given.run.labels;
      outcomes.push_back(PutOutcome::kAccepted);
    } else {
      const Merge merge = MergeRun(stored.run, *stored.curve, 0, given);
      outcomes.push_back(merge.outcome);
      if (merge.outcome != PutOutcome::kAccepted) continue;
      const Run before = stored.run;
      if (merge.take_fields) stored.run = given.run;
      stored.run.study_id = study_id;
      stored.run.labels = before.labels;
      stored.run.create_time = before.create_time;
      if (given.curve_begin == 0 || merge.take_fields) stored.run.source = given.run.source;
      stored.run.update_time = given.run.update_time;
      if (merge.take_points) {
        Curve curve = Slice(*stored.curve, 0, static_cast<std::size_t>(given.curve_begin));
        Append(given.curve, 0, curve);
        stored.curve = std::make_shared<const Curve>(std::move(curve));
      }
    }
    stored.run.curve_points = static_cast<std::int64_t>(stored.curve->size());
  }
  return outcomes;
}

absl::Status ReferenceTransaction::DeleteRun(const std::string& study_id, const std::string& run_id) {
  auto entry = Find(study_id);
  if (!entry.ok()) return entry.status();
  (*entry)->labels.erase(run_id);
  return (*entry)->runs.erase(run_id) == 1 ? absl::OkStatus() : NotFoundError(run_id);
}

absl::Status ReferenceTransaction::SetRunLabels(const std::string& study_id, const std::string& source,
                                                std::span<const RunLabels> labels, LabelScope scope) {
  auto entry = Find(study_id);
  if (!entry.ok()) return entry.status();
  auto& runs = (*entry)->runs;
  if (scope == LabelScope::kNamedRuns) {
    for (const RunLabels& run : labels) {
      if (!runs.contains(run.run_id)) return NotFoundError(run.run_id);
    }
  } else {
    for (auto& [id, by_source] : (*entry)->labels) by_source.erase(source);
  }
  for (const RunLabels& run : labels) {
    if (runs.contains(run.run_id)) (*entry)->labels[run.run_id][source] = run.labels;
  }
  for (auto& [id, stored] : runs) {
    std::vector<std::string> all;
    for (const auto& [from, given] : (*entry)->labels[id]) all.insert(all.end(), given.begin(), given.end());
    stored.run.labels = SortedSet(all);
  }
  return absl::OkStatus();
}

absl::Status ReferenceTransaction::PutFit(const Fit& fit) {
  auto entry = Find(fit.study_id);
  if (!entry.ok()) return entry.status();
  (*entry)->fits[fit.id] = fit;
  return absl::OkStatus();
}

absl::Status ReferenceTransaction::DeleteFit(const std::string& study_id, const std::string& fit_id) {
  auto entry = Find(study_id);
  if (!entry.ok()) return entry.status();
  return (*entry)->fits.erase(fit_id) == 1 ? absl::OkStatus() : NotFoundError(fit_id);
}

absl::Status ReferenceTransaction::PutForecast(const Forecast& forecast) {
  auto entry = Find(forecast.study_id);
  if (!entry.ok()) return entry.status();
  return (*entry)->forecasts.emplace(forecast.id, forecast).second ? absl::OkStatus()
                                                                   : AlreadyExistsError(forecast.id);
}

absl::Status ReferenceTransaction::PutForecastScores(const std::string& study_id,
                                                     const std::string& forecast_id,
                                                     const std::vector<ForecastScore>& scores) {
  auto entry = Find(study_id);
  if (!entry.ok()) return entry.status();
  const auto found = (*entry)->forecasts.find(forecast_id);
  if (found == (*entry)->forecasts.end()) return NotFoundError(forecast_id);
  found->second.scores = scores;
  return absl::OkStatus();
}

absl::Status ReferenceTransaction::DeleteForecast(const std::string& study_id,
                                                  const std::string& forecast_id) {
  auto entry = Find(study_id);
  if (!entry.ok()) return entry.status();
  return (*entry)->forecasts.erase(forecast_id) == 1 ? absl::OkStatus() : NotFoundError(forecast_id);
}

absl::Status ReferenceTransaction::PutLaw(const UserLaw& law) {
  return state_.laws.emplace(law.id, law).second ? absl::OkStatus() : AlreadyExistsError(law.id);
}

absl::Status ReferenceTransaction::DeleteLaw(const std::string& id) {
  return state_.laws.erase(id) == 1 ? absl::OkStatus() : NotFoundError(id);
}

absl::Status ReferenceTransaction::PutToken(const AccessToken& token) {
  state_.tokens[token.id] = token;
  return absl::OkStatus();
}

absl::Status ReferenceTransaction::PutUpload(const Upload& upload) {
  state_.uploads[upload.id] = upload;
  return absl::OkStatus();
}

absl::Status ReferenceTransaction::PutRequest(const std::string& request_id, const std::string& body_digest,
                                              const std::string& response) {
  state_.requests[request_id] = {{body_digest, response}, clock_()};
  return absl::OkStatus();
}

absl::Status ReferenceTransaction::Nested(const std::function<absl::Status(Transaction&)>& work) {
  State before = state_;
  absl::Status status = work(*this);
  if (!status.ok()) state_ = std::move(before);
  return status;
}

absl::StatusOr<std::unique_ptr<Snapshot>> ReferenceStore::Read() {
  return std::make_unique<ReferenceTransaction>(state_, clock_);
}

absl::Status ReferenceStore::Write(const Work& work) {
  ReferenceTransaction transaction(state_, clock_);
  absl::Status status = work(transaction);
  if (status.ok()) state_ = transaction.state();
  return status;
}

absl::StatusOr<Study> ReferenceTransaction::GetStudy(const std::string& id) {
  auto entry = Find(id);
  if (!entry.ok()) return entry.status();
  Study study = (*entry)->study;
  study.run_count = static_cast<std::int64_t>((*entry)->runs.size());
  study.fit_count = static_cast<std::int64_t>((*entry)->fits.size());
  return study;
}

absl::StatusOr<Page<Study>> ReferenceTransaction::ListStudies(std::int64_t limit, const std::string& after) {
  std::vector<Study> all;
  for (const auto& [id, entry] : state_.studies) all.push_back(*GetStudy(id));
  return PageOf(all, limit, after);
}

absl::StatusOr<Run> ReferenceTransaction::GetRun(const std::string& study_id, const std::string& run_id) {
  auto entry = Find(study_id);
  if (!entry.ok()) return entry.status();
  const auto found = (*entry)->runs.find(run_id);
  if (found == (*entry)->runs.end()) return NotFoundError(run_id);
  return found->second.run;
}

absl::StatusOr<Curve> ReferenceTransaction::GetCurve(const std::string& study_id, const std::string& run_id) {
  auto entry = Find(study_id);
  if (!entry.ok()) return entry.status();
  const auto found = (*entry)->runs.find(run_id);
  if (found == (*entry)->runs.end()) return NotFoundError(run_id);
  return *found->second.curve;
}

absl::StatusOr<Curve> ReferenceTransaction::GetCurvePart(const std::string& study_id,
                                                         const std::string& run_id, std::int64_t from,
                                                         std::int64_t count) {
  auto curve = GetCurve(study_id, run_id);
  if (!curve.ok()) return curve;
  const auto points = static_cast<std::int64_t>(curve->size());
  from = std::clamp<std::int64_t>(from, 0, points);
  return Slice(*curve, static_cast<std::size_t>(from),
               static_cast<std::size_t>(std::clamp<std::int64_t>(count, 0, points - from)));
}

absl::StatusOr<Page<Run>> ReferenceTransaction::ListRuns(const RunQuery& query) {
  if (query.limit < 1 || query.limit > 100'000) return InvalidArgumentError("limit");
  auto entry = Find(query.study_id);
  if (!entry.ok()) return entry.status();
  const std::string order = query.order_by.empty() ? "id" : query.order_by;
  if (auto known = ValueOf(Run{}, order); !known.ok()) return known.status();
  for (const Condition& condition : query.where) {
    if (absl::Status status = CheckCondition(condition); !status.ok()) return status;
  }
  std::vector<Run> all;
  for (const auto& [id, stored] : (*entry)->runs) {
    if (std::all_of(query.where.begin(), query.where.end(),
                    [&](const Condition& c) { return Holds(c, stored.run); })) {
      all.push_back(stored.run);
    }
  }
  std::sort(all.begin(), all.end(), [&](const Run& a, const Run& b) {
    return Before(*ValueOf(a, order), a.id, *ValueOf(b, order), b.id, query.descending);
  });
  // The key of a page is the id of its last run: enough for a model that nothing changes between pages.
  std::size_t begin = 0;
  if (!query.after.empty()) {
    const auto last =
        std::find_if(all.begin(), all.end(), [&](const Run& run) { return run.id == query.after; });
    if (last == all.end()) return InvalidArgumentError("not a key");
    begin = static_cast<std::size_t>(last - all.begin()) + 1;
  }
  Page<Run> page;
  const std::size_t end = std::min(all.size(), begin + static_cast<std::size_t>(query.limit));
  page.items.assign(all.begin() + static_cast<std::ptrdiff_t>(begin),
                    all.begin() + static_cast<std::ptrdiff_t>(end));
  if (end < all.size()) page.next_key = page.items.back().id;
  return page;
}

absl::StatusOr<fitting::RunTable> ReferenceTransaction::LoadRunTable(const std::string& study_id,
                                                                     const std::vector<Condition>& where) {
  RunQuery query;
  query.study_id = study_id;
  query.where = where;
  query.limit = 100'000;
  auto page = ListRuns(query);
  if (!page.ok()) return page.status();
  fitting::RunTable table;
  for (const DeclaredColumn& column : state_.studies[study_id].study.declared) table.declared[column.name];
  for (const Run& run : page->items) {
    table.model.push_back(ModelKey(run.params_non_embedding, run.params_total, run.params_active,
                                   run.params_non_input_embedding));
    table.id.push_back(run.id);
    switch (state_.studies[study_id].study.param_count) {
      case ParamCount::kTotal:
        table.params.push_back(run.params_total);
        break;
      case ParamCount::kActive:
        table.params.push_back(run.params_active);
        break;
      case ParamCount::kNonInputEmbedding:
        table.params.push_back(run.params_non_input_embedding);
        break;
      default:
        table.params.push_back(run.params_non_embedding);
    }
    table.tokens.push_back(run.tokens);
    table.learning_rate.push_back(run.learning_rate);
    table.batch_size_tokens.push_back(run.batch_size_tokens);
    table.sequence_length.push_back(run.sequence_length);
    table.steps.push_back(run.steps);
    table.weight_decay.push_back(run.weight_decay);
    table.adam_beta2.push_back(run.adam_beta2);
    table.loss.push_back(run.loss);
    table.state.push_back(run.state);
    const std::vector<DeclaredColumn>& declared = state_.studies[study_id].study.declared;
    for (std::size_t place = 0; place < declared.size(); ++place) {
      table.declared[declared[place].name].push_back(place < run.values.size() ? run.values[place]
                                                                               : kUnknown);
    }
  }
  return table;
}

absl::StatusOr<Fit> ReferenceTransaction::GetFit(const std::string& study_id, const std::string& fit_id) {
  auto entry = Find(study_id);
  if (!entry.ok()) return entry.status();
  const auto found = (*entry)->fits.find(fit_id);
  if (found == (*entry)->fits.end()) return NotFoundError(fit_id);
  return found->second;
}

absl::StatusOr<Page<Fit>> ReferenceTransaction::ListFits(const std::string& study_id, std::int64_t limit,
                                                         const std::string& after) {
  auto entry = Find(study_id);
  if (!entry.ok()) return entry.status();
  return NewestFirst((*entry)->fits, &Fit::create_time, limit, after);
}

absl::StatusOr<Forecast> ReferenceTransaction::GetForecast(const std::string& study_id,
                                                           const std::string& forecast_id) {
  auto entry = Find(study_id);
  if (!entry.ok()) return entry.status();
  const auto found = (*entry)->forecasts.find(forecast_id);
  if (found == (*entry)->forecasts.end()) return NotFoundError(forecast_id);
  return found->second;
}

absl::StatusOr<Page<Forecast>> ReferenceTransaction::ListForecasts(const std::string& study_id,
                                                                   std::int64_t limit,
                                                                   const std::string& after) {
  auto entry = Find(study_id);
  if (!entry.ok()) return entry.status();
  return NewestFirst((*entry)->forecasts, &Forecast::seal_time, limit, after);
}

absl::StatusOr<std::vector<TrackRecord>> ReferenceTransaction::ListTrackRecords() {
  std::map<std::tuple<std::string, std::string, double>, TrackRecord> records;
  for (const auto& [study_id, entry] : state_.studies) {
    for (const auto& [id, forecast] : entry.forecasts) {
      std::set<std::pair<std::string, std::string>> sources;
      for (const ForecastSource& source : forecast.sources) sources.insert({source.name, source.quantity});
      for (const ForecastScore& score : forecast.scores) {
        if (score.verdict == ForecastScore::Verdict::kNoInterval || std::isnan(forecast.interval)) continue;
        for (const auto& [source, quantity] : sources) {
          if (!quantity.empty() && quantity != score.quantity) continue;
          TrackRecord& record = records[{study_id, source, forecast.interval}];
          record.study_id = study_id;
          record.source = source;
          record.interval = forecast.interval;
          ++record.scored;
          if (score.verdict == ForecastScore::Verdict::kInside) ++record.inside;
        }
      }
    }
  }
  std::vector<TrackRecord> all;
  for (const auto& [key, record] : records) all.push_back(record);
  return all;
}

absl::StatusOr<std::vector<Fit>> ReferenceTransaction::LoadAllFits() {
  std::vector<Fit> all;
  for (const auto& [study_id, entry] : state_.studies) {
    for (const auto& [id, fit] : entry.fits) all.push_back(fit);
  }
  return all;
}

absl::StatusOr<std::vector<UserLaw>> ReferenceTransaction::ListLaws() {
  std::vector<UserLaw> all;
  for (const auto& [id, law] : state_.laws) all.push_back(law);
  return all;
}

absl::StatusOr<std::vector<AccessToken>> ReferenceTransaction::ListTokens() {
  std::vector<AccessToken> all;
  for (const auto& [id, token] : state_.tokens) all.push_back(token);
  return all;
}

absl::StatusOr<Upload> ReferenceTransaction::GetUpload(const std::string& id) {
  const auto found = state_.uploads.find(id);
  if (found == state_.uploads.end()) return NotFoundError(id);
  return found->second;
}

absl::StatusOr<StoredRequest> ReferenceTransaction::GetRequest(const std::string& request_id) {
  const auto found = state_.requests.find(request_id);
  constexpr Micros kDay = Micros{24} * 3600 * 1'000'000;
  if (found == state_.requests.end() || found->second.second + kDay <= clock_())
    return NotFoundError(request_id);
  return found->second.first;
}

absl::StatusOr<StudySize> ReferenceTransaction::GetStudySize(const std::string& id) {
  auto entry = Find(id);
  if (!entry.ok()) return entry.status();
  StudySize size;
  size.runs = static_cast<std::int64_t>((*entry)->runs.size());
  size.fits = static_cast<std::int64_t>((*entry)->fits.size());
  size.forecasts = static_cast<std::int64_t>((*entry)->forecasts.size());
  for (const auto& [run_id, stored] : (*entry)->runs) size.points += stored.run.curve_points;
  return size;
}

}  // namespace sextant::storage
