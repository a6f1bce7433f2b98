// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/reference/ops.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "clients/trainer/model/shape.h"

namespace sextant::trainer::reference {
namespace {

constexpr int kLanes = 16;  // independent partial sums, which compilers turn into vector registers

float Dot(const float* a, const float* b, int n) {
  float lanes[kLanes] = {};
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) lanes[j] += a[i + j] * b[i + j];
  }
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

void AddScaled(const float* x, float scale, int n, float* y) {
  for (int i = 0; i < n; ++i) y[i] += scale * x[i];
}

}  // namespace

void MultiplyByTranspose(const float* x, const float* w, int m, int n, int k, bool accumulate, float* y) {
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      float* at = y + static_cast<size_t>(i) * n + j;
      *at =
          Dot(x + static_cast<size_t>(i) * k, w + static_cast<size_t>(j) * k, k) + (accumulate ? *at : 0.0F);
    }
  }
}

void MultiplyBackwardInput(const float* dy, const float* w, int m, int n, int k, float* dx) {
  std::fill_n(dx, static_cast<size_t>(m) * k, 0.0F);
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      AddScaled(w + static_cast<size_t>(j) * k, dy[static_cast<size_t>(i) * n + j], k,
                dx + static_cast<size_t>(i) * k);
    }
  }
}

void MultiplyBackwardWeight(const float* dy, const float* x, int m, int n, int k, float* dw) {
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      AddScaled(x + static_cast<size_t>(i) * k, dy[static_cast<size_t>(i) * n + j], k,
                dw + static_cast<size_t>(j) * k);
    }
  }
}

void RmsNorm(const float* x, const float* gain, int m, int d, float* y, float* inverse_rms) {
  for (int i = 0; i < m; ++i, x += d, y += d) {
    const float inverse = 1.0F / std::sqrt(Dot(x, x, d) / static_cast<float>(d) + kNormEpsilon);
    for (int c = 0; c < d; ++c) y[c] = x[c] * inverse * gain[c];
    inverse_rms[i] = inverse;
  }
}

void RmsNormBackward(const float* dy, const float* x, const float* gain, const float* inverse_rms, int m,
                     int d, float* dx, float* dgain) {
  for (int i = 0; i < m; ++i, dy += d, x += d, dx += d) {
    const float inverse = inverse_rms[i];
    float projection = 0;
    for (int c = 0; c < d; ++c) projection += dy[c] * gain[c] * x[c];
    projection *= inverse * inverse / static_cast<float>(d);
    for (int c = 0; c < d; ++c) {
      dgain[c] += dy[c] * x[c] * inverse;
      dx[c] += inverse * (dy[c] * gain[c] - x[c] * projection);
    }
  }
}

void Rotate(float* qkv, int m, int d, int sequence_length, bool inverse) {
  constexpr int kHalf = kHeadDim / 2;
  for (int i = 0; i < m; ++i) {
    const auto position = static_cast<float>(i % sequence_length);
    for (int pair = 0; pair < kHalf; ++pair) {
      const float angle = position * std::pow(kRotaryBase, -2.0F * static_cast<float>(pair) / kHeadDim);
      const float c = std::cos(angle);
      const float s = inverse ? -std::sin(angle) : std::sin(angle);
      for (int at = pair; at < 2 * d; at += kHeadDim) {
        float* low = qkv + static_cast<size_t>(i) * 3 * d + at;
        const float a = low[0];
        const float b = low[kHalf];
        low[0] = a * c - b * s;
        low[kHalf] = b * c + a * s;
      }
    }
  }
}

void Attention(const float* qkv, int m, int d, int sequence_length, float* out, float* probabilities) {
  const int heads = d / kHeadDim;
  const float scale = 1.0F / std::sqrt(static_cast<float>(kHeadDim));
  std::fill_n(out, static_cast<size_t>(m) * d, 0.0F);
  for (int i = 0; i < m; ++i) {
    const int first = i - i % sequence_length;
    for (int h = 0; h < heads; ++h) {
      const float* q = qkv + static_cast<size_t>(i) * 3 * d + static_cast<size_t>(h) * kHeadDim;
      float* p = probabilities + (static_cast<size_t>(i) * heads + h) * sequence_length;
      float largest = -INFINITY;
      for (int j = first; j <= i; ++j) {
        const float* k = qkv + static_cast<size_t>(j) * 3 * d + d + static_cast<size_t>(h) * kHeadDim;
        p[j - first] = scale * Dot(q, k, kHeadDim);
        largest = std::max(largest, p[j - first]);
      }
      float sum = 0;
      for (int j = first; j <= i; ++j) sum += p[j - first] = std::exp(p[j - first] - largest);
      for (int j = first; j <= i; ++j) {
        p[j - first] /= sum;
        const float* v = qkv + static_cast<size_t>(j) * 3 * d + 2 * d + static_cast<size_t>(h) * kHeadDim;
        AddScaled(v, p[j - first], kHeadDim,
                  out + static_cast<size_t>(i) * d + static_cast<size_t>(h) * kHeadDim);
      }
    }
  }
}

void AttentionBackward(const float* dout, const float* qkv, const float* probabilities, int m, int d,
                       int sequence_length, float* dqkv) {
  const int heads = d / kHeadDim;
  const float scale = 1.0F / std::sqrt(static_cast<float>(kHeadDim));
  std::fill_n(dqkv, static_cast<size_t>(m) * 3 * d, 0.0F);
  std::vector<float> dp(sequence_length);
  for (int i = 0; i < m; ++i) {
    const int first = i - i % sequence_length;
    for (int h = 0; h < heads; ++h) {
      const size_t head = static_cast<size_t>(h) * kHeadDim;
      const float* p = probabilities + (static_cast<size_t>(i) * heads + h) * sequence_length;
      const float* dy = dout + static_cast<size_t>(i) * d + head;
      float mean = 0;
      for (int j = first; j <= i; ++j) {
        const size_t v = static_cast<size_t>(j) * 3 * d + 2 * d + head;
        AddScaled(dy, p[j - first], kHeadDim, dqkv + v);
        dp[j - first] = Dot(dy, qkv + v, kHeadDim);
        mean += dp[j - first] * p[j - first];
      }
      for (int j = first; j <= i; ++j) {
        const float ds = scale * p[j - first] * (dp[j - first] - mean);
        const size_t q = static_cast<size_t>(i) * 3 * d + head;
        const size_t k = static_cast<size_t>(j) * 3 * d + d + head;
        AddScaled(qkv + k, ds, kHeadDim, dqkv + q);
        AddScaled(qkv + q, ds, kHeadDim, dqkv + k);
      }
    }
  }
}

void SwiGlu(const float* gate_up, int m, int f, float* y) {
  for (int i = 0; i < m; ++i, gate_up += 2 * f, y += f) {
    for (int c = 0; c < f; ++c) y[c] = gate_up[c] / (1 + std::exp(-gate_up[c])) * gate_up[f + c];
  }
}

void SwiGluBackward(const float* dy, const float* gate_up, int m, int f, float* dgate_up) {
  for (int i = 0; i < m; ++i, dy += f, gate_up += 2 * f, dgate_up += 2 * f) {
    for (int c = 0; c < f; ++c) {
      const float gate = gate_up[c];
      const float sigmoid = 1 / (1 + std::exp(-gate));
      dgate_up[c] = dy[c] * gate_up[f + c] * sigmoid * (1 + gate * (1 - sigmoid));
      dgate_up[f + c] = dy[c] * gate * sigmoid;
    }
  }
}

void CrossEntropy(const uint16_t* targets, const float* weight, int m, int vocab, float* logits,
                  float* loss) {
  for (int i = 0; i < m; ++i, logits += vocab) {
    const float largest = *std::max_element(logits, logits + vocab);
    double sum = 0;
    for (int c = 0; c < vocab; ++c) sum += std::exp(logits[c] - largest);
    const float log_sum = largest + static_cast<float>(std::log(sum));
    loss[i] = log_sum - logits[targets[i]];
    for (int c = 0; c < vocab; ++c) logits[c] = weight[i] * std::exp(logits[c] - log_sum);
    logits[targets[i]] -= weight[i];
  }
}

}  // namespace sextant::trainer::reference
