// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "server/observe/call_observer.h"
#include "server/observe/metrics.h"

namespace sextant::server {
namespace {

// The examples of W3C Trace Context, section 3.2.
TEST(Traceparent, IsReadWhereItIsWellFormed) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  EXPECT_EQ(TraceIdOf("00-" + trace + "-00f067aa0ba902b7-01"), trace);
  EXPECT_EQ(TraceIdOf("cc-" + trace + "-00f067aa0ba902b7-01-what-comes-later"), trace);
  for (const std::string& wrong :
       {std::string(), std::string("00"), "ff-" + trace + "-00f067aa0ba902b7-01",
        "00-" + trace + "-00f067aa0ba902b7-01-", "00-" + trace + "-00F067AA0BA902B7-01",
        std::string("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
        "00_" + trace + "-00f067aa0ba902b7-01"}) {
    EXPECT_EQ(TraceIdOf(wrong), "") << wrong;
  }
}

TEST(Metrics, CountDurationsInTheBucketThatHoldsThem) {
  DurationHistogram histogram;
  for (const double seconds : {0.00005, 0.0001, 0.00011, 1000.0}) histogram.Observe(seconds);
  EXPECT_EQ(histogram.count(0), 2) << "an end belongs to its bucket";
  EXPECT_EQ(histogram.count(1), 1);
  EXPECT_EQ(histogram.count(DurationHistogram::kEnds.size()), 1);
  EXPECT_DOUBLE_EQ(histogram.sum(), 1000.00026);
}

}  // namespace
}  // namespace sextant::server
