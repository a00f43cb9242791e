// SPDX-License-Identifier: MIT
//
// What does a batch cost from a reused Batch, flush included? (P3) The yardstick is one `write` of the same bytes, into
// a file as fresh as the log's. And compressed: beside zstd alone on the same bytes, then one `write` of what it made.

#include <cstdio>
#include <vector>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/question.hpp"
#include "harness/raw_file.hpp"
#include "harness/setting.hpp"

#if REWAL_BENCH_ZSTD
#include <zstd.h>

#include <rewal/compressor/zstd.hpp>
#endif

namespace {

using namespace bench;

constexpr std::size_t records = 100;
constexpr std::size_t region_bytes = records * (6 + payload_bytes);
constexpr std::size_t batch_frame_bytes = 28 + region_bytes;

/// Microseconds a batch.
template <class Log>
double append(Log& log, const rewal::Batch& batch, std::uint64_t times) {
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < times; ++i) {
    must(log->append_batch(batch));
    must(log->flush());
  }
  const double elapsed = nanoseconds_since(begin);
  must_be(log->last_lsn() == times * records, "every record has its LSN");
  must_be(log->stats().batches_written == times, "every batch is one frame");
  return elapsed / 1e3 / static_cast<double>(times);
}

double append_plain(std::uint64_t times) {
  auto log = fresh_log("log");
  auto batch = rewal::Batch::with_capacity(records);
  for (std::size_t i = 0; i < records; ++i) batch.add(payload);
  const double each = append(log, batch, times);
  must_be(log->stats().bytes_written == times * batch_frame_bytes, "a frame is as long as the yardstick's");
  log.must_hold(times * records);
  return each;
}

double write(std::uint64_t times) {
  RawFile file("raw");
  const std::string bytes(batch_frame_bytes, 'r');
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < times; ++i) file.write(bytes.data(), bytes.size());
  return nanoseconds_since(begin) / 1e3 / static_cast<double>(times);
}

#if REWAL_BENCH_ZSTD
constexpr int level = 1;

/// 128 bytes as an application may write them: alike, and no two the same.
std::string order(std::size_t i) {
  char text[payload_bytes + 1];
  std::snprintf(
      text, sizeof text,
      R"({"order":%010zu,"customer":%07zu,"amount":%09zu,"currency":"EUR","state":"accepted","items":[%05zu,%05zu],"note":""})",
      i, i * 7919 % 9999991, i * 104729 % 999999937, i * 31 % 99991, i * 17 % 99989);
  std::string whole(text);
  whole.resize(payload_bytes, ' ');
  return whole;
}

double append_compressed(std::uint64_t times, Notes& notes) {
  auto log = fresh_log("log", [](auto builder) { return builder.compressor(rewal::Zstd{level}); });
  auto batch = rewal::Batch::with_capacity(records);
  for (std::size_t i = 0; i < records; ++i) batch.add(order(i));
  const double each = append(log, batch, times);
  std::uint64_t seen = 0;
  must(log->replay(1, [&](const rewal::BorrowedEvent& event) {
    must_be(rewal::as_text(event.payload) == order(seen++ % records), "an event comes back byte for byte");
  }));
  must_be(seen == times * records, "every event is in the file");
  notes.add("bytes stored of 100",
            100 * static_cast<double>(log->stats().bytes_written) / static_cast<double>(times * batch_frame_bytes));
  return each;
}

double compress_and_write(std::uint64_t times) {
  std::string region;
  for (std::size_t i = 0; i < records; ++i) region += std::string(6, '\0') + order(i);
  std::vector<char> packed(ZSTD_compressBound(region.size()));
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  RawFile file("raw");
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < times; ++i) {
    const std::size_t size =
        ZSTD_compressCCtx(context, packed.data(), packed.size(), region.data(), region.size(), level);
    must_be(ZSTD_isError(size) == 0, "zstd compresses");
    file.write(packed.data(), size);
  }
  const double elapsed = nanoseconds_since(begin);
  ZSTD_freeCCtx(context);
  return elapsed / 1e3 / static_cast<double>(times);
}
#endif

}  // namespace

void bench::questions() {
  const std::uint64_t times = setting().count(5000);
  ask({.row = "P3",
       .what = "batch of 100 x 128 B, flush included; `write` of the same bytes",
       .unit = "us",
       .bar = 1.15,
       .reach = 1.0},
      [times](Notes&) -> std::vector<Side> {
        return {{"rewal", [=] { return append_plain(times); }}, {"raw", [=] { return write(times); }}};
      });
#if REWAL_BENCH_ZSTD
  ask({.row = "batch/zstd",
       .what = "batch of 100 x 128 B with Zstd{1}, flush included; zstd, then `write` of what it made",
       .unit = "us"},
      [times](Notes& notes) -> std::vector<Side> {
        return {{"rewal", [=, &notes] { return append_compressed(times, notes); }},
                {"zstd_and_raw", [=] { return compress_and_write(times); }}};
      });
#endif
}
