// SPDX-License-Identifier: Apache-2.0
// Any bytes as a chunk of an upload.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "server/limits.h"
#include "server/service/upload_chunk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sextant::v1::UploadChunk chunk;
  if (size > sextant::server::kMaxMessageBytes || !chunk.ParseFromArray(data, static_cast<int>(size)))
    return 0;
  chunk.clear_sha256();  // mutations seldom keep it right
  sextant::storage::Study study;
  study.id = "s";
  const auto prepared = sextant::server::PrepareChunk(chunk, study);
  if (prepared.ok() && prepared->runs.size() > static_cast<std::size_t>(sextant::server::kMaxRunsPerChunk))
    std::abort();
  return 0;
}
