// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/local_regression.h"

namespace sextant::fitting {

LocalRegression::LocalRegression(std::span<const double> u, std::span<const double> v,
                                 std::span<const double> weight)
    : prefix_(u.size() + 1) {
  if (!u.empty()) {
    u0_ = u[u.size() / 2];
    v0_ = v[v.size() / 2];
  }
  for (size_t i = 0; i < u.size(); ++i) {
    const double du = u[i] - u0_, dv = v[i] - v0_, w = weight[i];
    const Sums& before = prefix_[i];
    prefix_[i + 1] = {before.w + w, before.u + w * du, before.v + w * dv, before.uu + w * du * du,
                      before.uv + w * du * dv};
  }
}

LocalRegression::Line LocalRegression::Through(size_t first, size_t last, double at) const {
  Line line;
  line.points = last - first;
  if (line.points == 0) return line;
  const Sums &a = prefix_[first], &b = prefix_[last];
  const double w = b.w - a.w;
  const double u = (b.u - a.u) / w, v = (b.v - a.v) / w;
  const double spread = (b.uu - a.uu) / w - u * u;
  if (line.points > 1 && spread > 1e-13) line.slope = ((b.uv - a.uv) / w - u * v) / spread;
  line.value = v0_ + v + line.slope * (at - u0_ - u);
  line.weight = w;
  return line;
}

}  // namespace sextant::fitting
