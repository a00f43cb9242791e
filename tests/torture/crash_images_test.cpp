// SPDX-License-Identifier: MIT
//
// G1, G2, G3 on the simulated disk: whatever a crash leaves, what was acknowledged is there, in order and whole.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <torture/crash_everywhere.hpp>
#include <utility>
#include <vector>

namespace {

using namespace rewal_torture;
using rewal::SyncMode;

const std::vector<SyncMode> modes{SyncMode::never, SyncMode::batch, SyncMode::interval(std::chrono::milliseconds(1))};

void tell(Row& row, const Tried& tried) {
  row.count = tried.images;
  row.violations = tried.violations;
  row.note("workloads", tried.workloads);
  row.note("crash_points", tried.points);
  row.note("sampled_points", tried.sampled_points);
}

/// All words of `length` letters.
template <class F>
void each_word(const std::string& letters, std::size_t length, F f) {
  std::vector<std::size_t> at(length, 0);
  for (;;) {
    std::string word;
    for (const std::size_t i : at) word += letters[i];
    f(word);
    std::size_t i = 0;
    while (i < length && ++at[i] == letters.size()) at[i++] = 0;
    if (i == length) return;
  }
}

std::string random_word(const std::string& letters, std::size_t length, Random& random) {
  std::string word;
  while (word.size() < length) word += letters[static_cast<std::size_t>(random.below(letters.size()))];
  return word;
}

const std::string all_calls = "amBzbdDwfsrcL";

}  // namespace

TEST_CASE("crash images of every workload of up to three calls keep what was acknowledged") {
  Tried tried;
  std::uint64_t turn = 0;
  for (std::size_t length = 1; length <= 3; ++length) {
    each_word(length < 3 ? all_calls : "aBbdDwfsrc", length, [&](const std::string& calls) {
      // Each word once; mode and preallocation take turns.
      const std::uint64_t n = turn++;
      if (n % thinning != 0) return;
      const SyncMode mode = modes[(n / thinning) % 3];
      crash_everywhere<SimFileStorage>({calls, mode, (n / thinning) % 2 == 0 ? 0u : 2048u}, 64, tried);
    });
  }
  Row row("G1", "crash images, all workloads of up to 3 calls, FileStorage", "images");
  tell(row, tried);
  CHECK(tried.first == "");
  CHECK(tried.images > 1000);
}

TEST_CASE("workloads of six calls and up to twelve unsynced sectors, every image") {
  constexpr std::uint64_t most = rewal_test::sanitized ? 1024 : std::uint64_t{1} << 16;
  // Written by flush in up to four writes and never synced until late: the subsets are what is wanted.
  Tried tried;
  const std::vector<std::string> words{"afafBf", "Bfbfaf", "bfbfbf", "mfzfmf", "dafBfb", "zfBfas", "BfBfBf",
                                       "DBfBfw", "dLfafc", "afmfBw", "rBfcBf", "bfrzfB", "BBBfff"};
  std::uint64_t turn = 0;
  for (const auto& calls : words) {
    for (const std::uint64_t preallocate : {0u, 3072u}) {
      if (turn++ % thinning == 0) {
        crash_everywhere<SimFileStorage>({calls, SyncMode::never, preallocate}, most, tried);
      }
    }
  }
  Row row("G1", "crash images, 6 calls, up to 12 unsynced sectors, FileStorage", "images");
  tell(row, tried);
  CHECK(tried.first == "");
}

TEST_CASE("a log that lost its first sector in a crash does not look foreign") {
  // Found by the two cases above: the first write fits into a sector and is not fsynced, a later one goes beyond it.
  Tried tried;
  for (const std::string calls : {"afBf", "afaffB", "mfaf", "afbfw"}) {
    crash_everywhere<SimFileStorage>({calls, SyncMode::never, 0}, std::uint64_t{1} << 16, tried);
    crash_everywhere<SimDisk>({calls, SyncMode::never, 0}, std::uint64_t{1} << 16, tried);
  }
  CHECK(tried.first == "");
}

TEST_CASE("crash images on a storage of the user's own") {
  Tried tried;
  Random random(seed());
  for (std::uint64_t i = 0; i < 120 / thinning; ++i) {
    crash_everywhere<SimDisk>({random_word(all_calls, 2 + i % 5, random), modes[i % 3], 0}, 256, tried);
  }
  Row row("G1", "crash images, custom storage", "images");
  tell(row, tried);
  CHECK(tried.first == "");
}

TEST_CASE("whatever several producers appended, a crash leaves LSNs without gaps, each with the event it was given") {
  Row row("G2", "crash images under 4 producers", "images");
  std::string first;
  Random random(seed());
  std::uint64_t acknowledgements = 0;
  for (std::uint64_t round = 0; round < 48 / thinning; ++round) {
    const auto volume = std::make_shared<SimVolume>();
    std::mutex mutex;  // of what was given and acknowledged
    std::map<std::uint64_t, Image> given;
    std::set<std::uint64_t> durable;
    std::vector<std::pair<DiskState, std::set<std::uint64_t>>> points;
    volume->before_operation = [&](const SimVolume& machine, const Op&) {
      const std::lock_guard lock(mutex);
      points.emplace_back(machine.disk(), durable);
    };
    const Workload how{"", modes[round % 3], (round % 2) * 2048};
    {
      auto log = open_log<SimFileStorage>(volume, how).value();
      std::vector<std::thread> producers;
      for (std::uint64_t producer = 0; producer < 4; ++producer) {
        producers.emplace_back([&, producer] {
          std::uint64_t before = 0;
          for (std::uint64_t i = 0; i < 6; ++i) {
            const Image payload = made_bytes(producer * 100 + i, 40 + (producer * 131 + i * 57) % 400);
            const bool waits = (i + producer) % 2 == 0;
            const auto lsn = waits ? log.append_durable(bytes_of(payload)) : log.append(bytes_of(payload));
            const std::lock_guard lock(mutex);
            if (!lsn || *lsn <= before || !given.emplace(*lsn, payload).second) {
              if (row.violations++ == 0) first = "an append failed, or its LSN is not the next of its producer";
              return;
            }
            before = *lsn;
            if (waits) durable.insert(*lsn);
          }
        });
      }
      for (auto& producer : producers) producer.join();
      if (!log.shutdown() || given.size() != 24 || given.rbegin()->first != 24) ++row.violations;
      for (const auto& [lsn, payload] : given) durable.insert(lsn);
    }
    volume->before_operation = nullptr;
    points.emplace_back(volume->disk(), durable);
    acknowledgements += durable.size();
    // The events in LSN order, known only now, make the history that the images are judged by.
    for (const auto& [disk, acknowledged] : points) {
      History history;
      for (const auto& [lsn, payload] : given) history.appended({{payload, {}}}, lsn);
      if (!acknowledged.empty()) history.acknowledged(*acknowledged.rbegin());
      CrashImages(disk).each(16, random, [&](const Directory& image) {
        const auto wrong = judge_image<SimFileStorage>(image, history, row.count++ % 16 == 0);
        if (!wrong.empty() && row.violations++ == 0) first = wrong;
      });
    }
  }
  row.note("acknowledged", acknowledgements);
  CHECK(first == "");
  CHECK(row.violations == 0);
}

TEST_CASE("longer workloads, sampled") {
  Tried tried;
  Random random(seed() + 1);
  for (std::uint64_t i = 0; i < 60 / thinning; ++i) {
    const Workload workload{random_word(all_calls, 6 + i % 8, random), modes[i % 3], (i % 4) * 1024};
    crash_everywhere<SimFileStorage>(workload, 128, tried);
  }
  Row row("G1", "crash images, 6 to 13 calls, sampled, FileStorage", "images");
  tell(row, tried);
  CHECK(tried.first == "");
}

TEST_CASE("a batch cut at every byte, or with any of its sectors missing, is there whole or not at all") {
  Row row("G3", "batches cut at every byte and every subset of their sectors", "images");
  std::string first;
  for (const std::string before : {"", "d", "af"}) {
    SimLog<SimFileStorage> log({before + "b", SyncMode::never, 0});
    log.open();
    for (const char call : before) log.perform(call);
    const auto begin = log.volume()->visible(log_name)->size();
    // 1 to 4 records of various sizes, small ones that share a sector and large ones that do not.
    for (const char call : std::string("bDB")) log.perform(call);
    log.perform('f');
    const Image whole = *log.volume()->visible(log_name);
    History history = log.history();
    log.finish();
    // What was durable while this went on does not matter here: nothing but the batch's shape is asked for.
    History all;
    std::size_t done = 0;
    const auto decoded = decode_file(whole);
    for (const auto& frame : decoded.frames) {
      std::vector<std::pair<Image, Image>> records;
      for (const auto& event : frame.events) records.emplace_back(event.payload, event.meta);
      done += records.size();
      all.appended(std::move(records), done);
    }
    const auto judge = [&](const Image& image) {
      const bool thorough = row.count++ % 16 == 0;
      const auto wrong = judge_image<SimFileStorage>({{log_name, image}}, all, thorough);
      if (!wrong.empty() && row.violations++ == 0) first = wrong;
    };
    for (std::size_t size = begin; size <= whole.size(); size += thinning) {
      judge(Image(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    }
    const std::size_t from = begin / sector_bytes;
    const std::size_t sectors = (whole.size() + sector_bytes - 1) / sector_bytes - from;
    REQUIRE(sectors <= 12);
    for (std::size_t number = 0; number < (std::size_t{1} << sectors); number += thinning) {
      const std::size_t mask = number | (begin == 0 ? 1 : 0);  // the first sector of a log is fsynced before the others
      Image image = whole;
      for (std::size_t i = 0; i < sectors; ++i) {
        if ((mask >> i & 1) != 0) continue;
        for (std::size_t at = (from + i) * sector_bytes; at < (std::min)((from + i + 1) * sector_bytes, image.size());
             ++at) {
          if (at >= begin) image[at] = std::byte{0};
        }
      }
      // With proof behind them, missing sectors are damage and not a tear: no crash leaves that.
      bool proof = false;
      const auto kept = decode_file(image).end;
      for (const auto& frame : decoded.frames) {
        proof = proof || (frame.at > kept && frame.synced_before && decode_frame(image, frame.at));
      }
      if (!proof) judge(image);
    }
  }
  CHECK(first == "");
  CHECK(row.violations == 0);
}

TEST_CASE("one workload again, with all its images", "[.][replay]") {
  const char* const text = std::getenv("REWAL_TORTURE_REPLAY");
  if (text == nullptr) SKIP("REWAL_TORTURE_REPLAY names no workload");
  Tried tried;
  crash_everywhere<SimFileStorage>(Workload::from(text), std::uint64_t{1} << 18, tried);
  CHECK(tried.first == "");
  CHECK(tried.violations == 0);
}

TEST_CASE("crash images for as long as there is time", "[.torture]") {
  const Budget budget;
  Tried tried;
  Random random(seed() + number_from_environment("REWAL_TORTURE_SECONDS", 20));
  while (budget.left() && tried.violations == 0) {
    const Workload workload{random_word(all_calls, 1 + random.below(16), random),
                            modes[static_cast<std::size_t>(random.below(3))], random.below(9) * 512};
    crash_everywhere<SimFileStorage>(workload, 2048, tried);
  }
  Row row("G1", "crash images, random workloads, the long run", "images");
  tell(row, tried);
  CHECK(tried.first == "");
}
