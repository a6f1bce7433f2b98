// SPDX-License-Identifier: Apache-2.0
// Zhang et al. 2024, arXiv 2410.21676, the run table: steps to the target loss, batches in sequences of 512
// tokens.
#pragma once

#include <vector>

namespace sextant::fitting {

inline const std::vector<double> kZhangBatches = {64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};

struct ZhangSize {
  double millions;  // of parameters
  double target_loss;
  std::vector<double> steps;  // one a batch
  double a, b, critical;  // ln steps = ln(a + b / batch), and the critical batch by 20 % overhead from 256
};

inline const std::vector<ZhangSize> kZhangSizes = {
    {85, 3.42, {46000, 23000, 13282, 7000, 3840, 2528, 1917, 1600, 1600}, 1293.827, 2834258.2, 745.320},
    {151, 3.24, {96000, 49000, 24000, 12000, 7128, 4350, 2940, 2400, 2300}, 1752.421, 5677478.6, 955.158},
    {302, 3.07, {196000, 90000, 46000, 23400, 13300, 7224, 4980, 3400, 2879}, 2095.350, 11383269.6, 1393.727},
    {604,
     2.92,
     {311000, 166000, 81000, 37440, 21320, 11400, 7199, 4700, 3800},
     2459.927,
     19449688.7,
     1888.522},
    {1200,
     2.736,
     {642000, 331000, 176000, 94000, 46500, 25000, 15360, 8900, 6500},
     3897.306,
     43381130.4,
     2533.411}};

}  // namespace sextant::fitting
