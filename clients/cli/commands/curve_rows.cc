// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/curve_rows.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "clients/cli/commands/paging.h"
#include "clients/cli/output/quantity.h"
#include "sextant/v1/run_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::Curve;

struct CurveColumn {
  const char* name;
  const google::protobuf::RepeatedField<float>& (Curve::*values)() const;
  google::protobuf::RepeatedField<float>* (Curve::*mutable_values)();
};
constexpr CurveColumn kCurveColumns[] = {
    {"train_loss", &Curve::train_loss, &Curve::mutable_train_loss},
    {"validation_loss", &Curve::validation_loss, &Curve::mutable_validation_loss},
    {"learning_rate", &Curve::learning_rate, &Curve::mutable_learning_rate},
    {"gradient_noise_scale", &Curve::gradient_noise_scale, &Curve::mutable_gradient_noise_scale}};

std::string FloatText(float value, bool machine) {
  if (std::isnan(value)) return {};
  // The shortest text of the float, not of the double next to it.
  return machine ? fmt::format("{}", value) : FormatNumber(value);
}

template <typename T>
void AppendColumn(const google::protobuf::RepeatedField<T>& more, int before, int added,
                  google::protobuf::RepeatedField<T>* column) {
  if (more.empty() && column->empty()) return;
  column->Resize(before, std::numeric_limits<T>::quiet_NaN());
  if (more.empty()) {
    column->Resize(before + added, std::numeric_limits<T>::quiet_NaN());
  } else {
    column->MergeFrom(more);
  }
}

}  // namespace

int ReadCurve(Session& session, const std::string& run_name, Curve* curve) {
  v1::GetCurveRequest request;
  request.set_name(run_name);
  return ForEachPage(
      session, &v1::RunService::Stub::GetCurve, request, [curve](const v1::GetCurveResponse& page) {
        const int before = curve->step_size(), added = page.curve().step_size();
        curve->mutable_step()->MergeFrom(page.curve().step());
        AppendColumn(page.curve().tokens(), before, added, curve->mutable_tokens());
        for (const CurveColumn& column : kCurveColumns) {
          AppendColumn((page.curve().*column.values)(), before, added, (curve->*column.mutable_values)());
        }
        return true;
      });
}

Curve EveryCurveColumn() {
  Curve curve;
  curve.add_step(0);
  curve.add_tokens(0);
  for (const CurveColumn& column : kCurveColumns) (curve.*column.mutable_values)()->Add(0);
  return curve;
}

std::vector<std::string> CurveHeader(const Curve& shape) {
  std::vector<std::string> header{"step"};
  if (shape.tokens_size() > 0) header.emplace_back("tokens");
  for (const CurveColumn& column : kCurveColumns) {
    if (!(shape.*column.values)().empty()) header.emplace_back(column.name);
  }
  return header;
}

std::vector<std::string> CurveRow(const Curve& curve, int at, const Curve& shape, bool machine) {
  std::vector<std::string> row{std::to_string(curve.step(at))};
  if (shape.tokens_size() > 0) {
    const double tokens = curve.tokens_size() > 0 ? curve.tokens(at) : std::nan("");
    row.push_back(std::isnan(tokens) ? "" : machine ? FormatRoundTrip(tokens) : FormatCount(tokens));
  }
  for (const CurveColumn& column : kCurveColumns) {
    if ((shape.*column.values)().empty()) continue;
    const auto& values = (curve.*column.values)();
    row.push_back(values.empty() ? "" : FloatText(values[at], machine));
  }
  return row;
}

}  // namespace sextant::cli
