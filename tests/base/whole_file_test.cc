// SPDX-License-Identifier: Apache-2.0
#include "base/whole_file.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace sextant {
namespace {

class WholeFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        testing::TempDir() + "/whole_file_" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    path_ = folder_ + "/a";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Content() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::ptrdiff_t FileCount() const { return std::distance(std::filesystem::directory_iterator(folder_), {}); }

  std::string folder_, path_;
};

TEST_F(WholeFileTest, IsNotThereBeforeItIsWhole) {
  WholeFile file(path_, Existing::kKeep);
  file.Write("half");
  EXPECT_FALSE(std::filesystem::exists(path_));
  file.Write(" and whole");
  ASSERT_TRUE(file.Publish());
  EXPECT_EQ(Content(), "half and whole");
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(WholeFileTest, LeavesNothingWhenItIsGivenUp) {
  { WholeFile(path_, Existing::kKeep).Write("half"); }
  EXPECT_EQ(FileCount(), 0);
}

TEST_F(WholeFileTest, KeepsANameThatIsTaken) {
  std::ofstream(path_) << "old";
  EXPECT_EQ(WholeFile(path_, Existing::kKeep).error(), EEXIST);
  EXPECT_EQ(Content(), "old");
}

TEST_F(WholeFileTest, KeepsANameThatIsTakenMeanwhile) {
  WholeFile file(path_, Existing::kKeep);
  file.Write("new");
  std::ofstream(path_) << "old";
  EXPECT_FALSE(file.Publish());
  EXPECT_EQ(file.error(), EEXIST);
  EXPECT_EQ(Content(), "old");
}

TEST_F(WholeFileTest, ReplacesOnlyWhenToldTo) {
  std::ofstream(path_) << "old";
  ASSERT_TRUE(ReplaceFile(path_, "new").ok());
  EXPECT_EQ(Content(), "new");
  const absl::Status missing = ReplaceFile(folder_ + "/no/such", "x");
  EXPECT_TRUE(absl::IsUnavailable(missing)) << missing;
}

}  // namespace
}  // namespace sextant
