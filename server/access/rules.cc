// SPDX-License-Identifier: Apache-2.0
#include "server/access/rules.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <map>

namespace sextant::server {
namespace {

using storage::kScopeAdmin;
using storage::kScopeRead;
using storage::kScopeWrite;

constexpr Rule kRules[] = {
    {"AccessService.CreateToken", kScopeAdmin, Reach::kAll},
    {"AccessService.ListTokens", kScopeAdmin, Reach::kAll},
    {"AccessService.RevokeToken", kScopeAdmin, Reach::kAll},
    {"ComparisonService.CompareStudies", kScopeRead, Reach::kNamed},
    {"ConversionService.ConvertSetting", kScopeRead, Reach::kAny},
    {"CriticalBatchService.AnalyzeStepsToGoal", kScopeRead, Reach::kAny},
    {"CriticalBatchService.EstimateCriticalBatch", kScopeRead, Reach::kNamed},
    {"CurveService.CompareSchedules", kScopeRead, Reach::kAny},
    {"CurveService.ExtrapolateCurve", kScopeRead, Reach::kAny},
    {"CurveService.ForecastRun", kScopeRead, Reach::kNamed},
    {"FitService.CancelFit", kScopeWrite, Reach::kNamed},
    {"FitService.CompareFits", kScopeRead, Reach::kNamed},
    {"FitService.CreateFit", kScopeWrite, Reach::kNamed},
    {"FitService.DeleteFit", kScopeWrite, Reach::kNamed},
    {"FitService.GetFit", kScopeRead, Reach::kNamed},
    {"FitService.ListFits", kScopeRead, Reach::kNamed},
    {"FitService.WatchFit", kScopeRead, Reach::kNamed},
    {"ForecastService.CreateForecast", kScopeWrite, Reach::kNamed},
    {"ForecastService.DeleteForecast", kScopeWrite, Reach::kNamed},
    {"ForecastService.GetForecast", kScopeRead, Reach::kNamed},
    {"ForecastService.ListForecasts", kScopeRead, Reach::kNamed},
    {"ForecastService.ScoreForecasts", kScopeWrite, Reach::kNamed},
    {"ForecastService.WatchRun", kScopeRead, Reach::kNamed},
    {"LawService.CreateLaw", kScopeWrite, Reach::kAll},
    {"LawService.DeleteLaw", kScopeWrite, Reach::kAll},
    {"LawService.EvaluateLaw", kScopeRead, Reach::kAny},
    {"LawService.GetLaw", kScopeRead, Reach::kAny},
    {"LawService.ListLaws", kScopeRead, Reach::kAny},
    {"PlanningService.ListShapes", kScopeRead, Reach::kAny},
    {"PlanningService.Plan", kScopeRead, Reach::kAny},
    {"PlanningService.ProfileFloor", kScopeRead, Reach::kNamed},
    {"PredictionService.Predict", kScopeRead, Reach::kAny},
    {"PredictionService.PredictBatch", kScopeRead, Reach::kAny},
    {"PredictionService.PredictPenalty", kScopeRead, Reach::kNamed},
    {"RunService.DeleteRun", kScopeWrite, Reach::kNamed},
    {"RunService.DeleteRuns", kScopeWrite, Reach::kNamed},
    {"RunService.ExcludeRuns", kScopeWrite, Reach::kNamed},
    {"RunService.GetCurve", kScopeRead, Reach::kNamed},
    {"RunService.GetRun", kScopeRead, Reach::kNamed},
    {"RunService.GetUpload", kScopeWrite, Reach::kNamed},
    {"RunService.LabelRuns", kScopeWrite, Reach::kNamed},
    {"RunService.ListRuns", kScopeRead, Reach::kNamed},
    {"RunService.UploadRuns", kScopeWrite, Reach::kNamed},
    {"StudyService.CreateStudy", kScopeWrite, Reach::kNamed},
    {"StudyService.DeleteStudy", kScopeWrite, Reach::kNamed},
    {"StudyService.ExportStudy", kScopeRead, Reach::kNamed},
    {"StudyService.GetStudy", kScopeRead, Reach::kNamed},
    {"StudyService.ImportStudy", kScopeWrite, Reach::kNamed},
    {"StudyService.ListStudies", kScopeRead, Reach::kAny},
    {"StudyService.UpdateStudy", kScopeWrite, Reach::kNamed},
    {"SuggestionService.SuggestRuns", kScopeRead, Reach::kNamed},
    {"SystemService.BackUp", kScopeAdmin, Reach::kAll},
    {"SystemService.GetServerInfo", kScopeRead, Reach::kAny},
    {"SystemService.Ping", kScopeRead, Reach::kAny},
};

constexpr Rule kNoRule = {"", kScopeAdmin, Reach::kAll};

const google::protobuf::MethodDescriptor* FindMethod(const Rule& rule) {
  return google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
      absl::StrCat("sextant.v1.", rule.method));
}

void AddStudyOf(const std::string& text, std::set<std::string>& studies) {
  constexpr char kStudies[] = "studies/";
  constexpr std::size_t kBegin = sizeof(kStudies) - 1;
  if (!absl::StartsWith(text, kStudies)) return;
  const std::size_t end = text.find('/', kBegin);
  studies.insert(text.substr(kBegin, end == std::string::npos ? end : end - kBegin));
}

void AddStudiesIn(const google::protobuf::Message& message, std::set<std::string>& studies) {
  using Field = google::protobuf::FieldDescriptor;
  const auto* reflection = message.GetReflection();
  std::vector<const Field*> fields;
  reflection->ListFields(message, &fields);
  for (const Field* field : fields) {
    const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
        AddStudiesIn(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                                          : reflection->GetMessage(message, field),
                     studies);
      } else if (field->type() == Field::TYPE_STRING) {
        AddStudyOf(field->is_repeated() ? reflection->GetRepeatedString(message, field, i)
                                        : reflection->GetString(message, field),
                   studies);
      }
    }
  }
}

}  // namespace

std::span<const Rule> Rules() { return kRules; }

const Rule& RuleOf(const google::protobuf::Descriptor* request) {
  static const auto* by_request = [] {
    auto* made = new std::map<const google::protobuf::Descriptor*, const Rule*>;
    for (const Rule& rule : kRules) {
      if (const auto* method = FindMethod(rule); method != nullptr) (*made)[method->input_type()] = &rule;
    }
    return made;
  }();
  const auto found = by_request->find(request);
  return found == by_request->end() ? kNoRule : *found->second;
}

int RuleIndexOf(const std::string& grpc_method) {
  static const auto* by_method = [] {
    auto* made = new std::map<std::string, int>;
    int index = 0;
    for (const Rule& rule : kRules) {
      (*made)[absl::StrCat("/sextant.v1.", absl::StrReplaceAll(rule.method, {{".", "/"}}))] = index++;
    }
    return made;
  }();
  const auto found = by_method->find(grpc_method);
  return found == by_method->end() ? -1 : found->second;
}

std::set<std::string> StudiesNamedIn(const google::protobuf::Message& request) {
  std::set<std::string> studies;
  AddStudiesIn(request, studies);
  const auto* id = request.GetDescriptor()->FindFieldByName("study_id");
  if (id != nullptr && id->type() == google::protobuf::FieldDescriptor::TYPE_STRING && !id->is_repeated()) {
    const std::string study = request.GetReflection()->GetString(request, id);
    if (!study.empty()) studies.insert(study);
  }
  return studies;
}

}  // namespace sextant::server
