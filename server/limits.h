// SPDX-License-Identifier: Apache-2.0
// Every limit of the service, in one place: operators read them here and in docs/operations.md, tests use
// them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sextant::server {

// Messages.
inline constexpr int kMaxMessageBytes = 4 << 20;  ///< received, whole message
inline constexpr std::size_t kMaxStatusMessageBytes = 1024;
inline constexpr std::size_t kMaxStatusDetailsBytes = 4096;  ///< trailers share about 8 KiB
inline constexpr std::size_t kMaxViolations = 20;            ///< listed; the rest are counted

// Text fields, bytes.
inline constexpr std::size_t kMaxTitleBytes = 200;
inline constexpr std::size_t kMaxDescriptionBytes = 16 << 10;
inline constexpr std::size_t kMaxLabels = 64;
inline constexpr std::size_t kMaxLabelKeyBytes = 63;
inline constexpr std::size_t kMaxLabelValueBytes = 256;
inline constexpr std::size_t kMaxRunTextBytes = 256;          ///< schedule, optimizer, one label
inline constexpr std::size_t kMaxExclusionReasonBytes = 200;  ///< with its prefix a label
inline constexpr std::size_t kMaxRunSourceBytes = 1024;
inline constexpr std::size_t kMaxTagValueBytes = 1024;
inline constexpr std::size_t kMaxFilterBytes = 4096;
inline constexpr int kMaxFilterDepth = 32;
inline constexpr int kMaxFilterTerms = 256;
inline constexpr std::size_t kMaxLawBytes = 64 << 10;
inline constexpr std::size_t kMaxRequestIdBytes = 64;

// Listings.
inline constexpr int kDefaultStudyPage = 50, kMaxStudyPage = 1000;
inline constexpr int kDefaultRunPage = 100, kMaxRunPage = 10000;
inline constexpr int kDefaultFitPage = 50, kMaxFitPage = 1000;
inline constexpr int kDefaultLawPage = 200, kMaxLawPage = 1000;
inline constexpr int kMaxCurvePage = 100000;
inline constexpr int kMaxCellsListed = 10000;  ///< of a sweep, in one answer

// Uploads.
inline constexpr int kMaxOpenUploads = 128;  ///< each holds at most one chunk
inline constexpr std::int64_t kMaxStudyFileBytes = std::int64_t{64} << 30;
inline constexpr int kMaxRunsPerChunk = 10000;
inline constexpr int kMaxRejectsPerChunk = 100;
inline constexpr int kMaxRejectsHeld = 1000;  ///< of chunks whose answer the client has not read yet

// Fits.
inline constexpr int kMaxQueuedFits = 64;           ///< waiting or running
inline constexpr int kMaxQueuedFitsPerCaller = 48;  ///< so that others find a place
inline constexpr int kFitRunners = 2;               ///< at a time; they share one TBB arena
inline constexpr int kMaxBootstrapReplicates = 100000;
inline constexpr int kMaxFixedParameters = 64;
inline constexpr int kMaxFitsPerStudy = 2000;  ///< served from memory
inline constexpr int kMaxUserLaws = 1000;
inline constexpr std::int64_t kMaxEvaluatedSteps = 2'000'000;         ///< of a schedule
inline constexpr int kMaxTableColumns = 64, kMaxTableRows = 100'000;  ///< of data other than runs
inline constexpr int kMaxComparedSchedules = 100;

// Predictions.
inline constexpr int kMaxPredictSources = 200;  ///< studies, fits and laws of one request

inline constexpr int kMaxBatchTargets = 100'000;  ///< of one PredictBatch
inline constexpr int kBatchPiece = 2'000;         ///< targets of one answer of it
inline constexpr int kMaxBatches = 16, kMaxBatchesPerPeer = 4;
inline constexpr std::size_t kMaxBatchEvaluations = 2'000'000'000;  ///< targets times replicates
inline constexpr std::size_t kMaxBatchMessages = 20;                ///< different ones in an answer

inline constexpr std::size_t kInlineReplicates =
    20'000;  ///< a prediction that reads more goes to a heavy thread
inline constexpr std::size_t kMaxPenaltyEvaluations = 200'000'000;  ///< points of a grid times replicates

// Forecasts.
inline constexpr int kMaxForecastsPerStudy = 100'000;
inline constexpr int kDefaultForecastPage = 100, kMaxForecastPage = 1000;
inline constexpr int kMaxForecastInputs = 64;  ///< variables of one
inline constexpr std::size_t kMaxForecastQuantities = 64, kMaxForecastSources = 64;
inline constexpr int kMaxForecastsNamed = 1000, kMaxForecastReports = 1000;  ///< of one scoring
inline constexpr std::size_t kMaxRunsScored = 100'000, kMaxUncountedRuns = 20;
inline constexpr int kMaxOutlooks = 100'000;  ///< messages of one watch of a run

// Answers that clients have not read yet, bytes.
/// A page of runs ends here. Clients take 4 MiB by default.
inline constexpr std::int64_t kMaxPageBytes = 3 << 20;
inline constexpr std::int64_t kSmallAnswerBytes = 64 << 10;  ///< not counted
inline constexpr std::int64_t kMaxAnswersBytes = 192 << 20, kMaxAnswersBytesPerPeer = 64 << 20;
inline constexpr std::chrono::seconds kAnswerPatience{60};  ///< to read one

// Streams. One on which nothing happens is ended.
inline constexpr int kMaxOpenUploadsPerPeer = 64;
inline constexpr int kMaxImports = 8, kMaxImportsPerPeer = 4;
inline constexpr int kMaxDownloads = 8, kMaxDownloadsPerPeer = 4;
inline constexpr int kMaxWatches = 1024, kMaxWatchesPerPeer = 256;
inline constexpr int kMaxRunWatches = 64, kMaxRunWatchesPerPeer = 16;  ///< each computes when points come

// Scratch: files that are put together beside the database.
inline constexpr std::int64_t kMaxScratchBytes = std::int64_t{128} << 30;
inline constexpr std::int64_t kMaxScratchBytesPerPeer = std::int64_t{64}
                                                        << 30;  ///< a study's file has no more
inline constexpr std::int64_t kScratchStepBytes = 16 << 20;     ///< what a file that comes is given at a time
/// What scratch leaves free of a disk unless --disk-reserve-mb says so: so much, or a tenth of a small disk.
inline constexpr std::int64_t kDiskReserveBytes = 256 << 20;
inline constexpr int kDiskReserveShare = 10;

// Computations that take a processor for long: predictions over many replicates, analyses.
inline constexpr int kHeavyThreads = 2;
inline constexpr std::size_t kHeavyQueue = 64;
inline constexpr std::chrono::seconds kComputationPatience{300};  ///< the most that one may take
inline constexpr std::int64_t kMaxCurvePointsLoaded =
    3'000'000;  ///< of the runs of one; some 25 to 50 bytes each
inline constexpr int kMaxHeavyCalls = 64, kMaxHeavyCallsPerPeer = 16;  ///< waiting or running

// Threads and queues.
inline constexpr int kCopyThreads = 2;  ///< backups and exports
inline constexpr std::size_t kCopyQueue = 16;
inline constexpr int kReaderThreads = 4;  ///< SQLite reads and conversions
inline constexpr std::size_t kReaderQueue = 1024;
inline constexpr std::size_t kWriterQueue = 1024;

}  // namespace sextant::server
