// SPDX-License-Identifier: MIT
//
// G19 and G17 on the simulated disk: a new file, its name and every cut are fsynced before anything that depends on
// them is acknowledged; a shutdown writes, syncs, cuts and closes, and nothing is written once it has returned.

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <torture/crash_everywhere.hpp>
#include <vector>

namespace {

using namespace rewal_torture;
using rewal::SyncMode;

std::string sequence(const SimVolume& volume, std::size_t from = 0) {
  std::string text;
  for (std::size_t i = from; i < volume.operations().size(); ++i) {
    text += (text.empty() ? "" : ", ") + std::string(name_of(volume.operations()[i].kind));
  }
  return text;
}

}  // namespace

TEST_CASE("a new log is a durable file with a durable name before it is handed out") {
  const auto volume = std::make_shared<SimVolume>();
  auto log = open_log<SimFileStorage>(volume);
  REQUIRE(log);
  CHECK(sequence(*volume) == "create, sync, sync directory, sync");
  CHECK(volume->is_durable(log_name));
  CHECK(log->append_durable("x"));
  CHECK(volume->is_durable(log_name));
}

TEST_CASE("a file whose creator died before it synced the directory gets its name synced by the next") {
  Row row("G19", "creation crashed after each operation, then opened and crashed again", "images");
  // build() dies of a refused operation: the file stays, with or without content, on a machine that goes on.
  for (const OpKind dies : {OpKind::sync, OpKind::sync_directory}) {
    const auto volume = std::make_shared<SimVolume>();
    volume->refuse = [&](const Op& op) { return op.kind == dies ? std::optional(EIO) : std::nullopt; };
    CHECK_FALSE(open_log<SimFileStorage>(volume));
    volume->refuse = nullptr;
    auto log = open_log<SimFileStorage>(volume);
    REQUIRE(log);
    const std::size_t before = volume->operations().size();
    CHECK(log->append_durable("acknowledged"));
    CHECK(sequence(*volume, before) == "write, sync");
    const std::lock_guard lock(volume->mutex);
    ++row.count;
    if (!volume->is_durable(log_name)) ++row.violations;
    CHECK(volume->is_durable(log_name));
  }
}

TEST_CASE("whatever crash meets the creation of a log, no acknowledged event is lost with its name") {
  Row row("G19", "crash images around creation", "images");
  Tried tried;
  for (const std::string calls : {"d", "ds", "D", "aw", "Bw", "B", "rd", "cd", "rrd"}) {
    for (const std::uint64_t preallocate : {0u, 1024u}) {
      for (const SyncMode mode : {SyncMode::never, SyncMode::batch}) {
        crash_everywhere<SimFileStorage>({calls, mode, preallocate}, 4096, tried);
      }
    }
  }
  row.count = tried.images;
  row.violations = tried.violations;
  CHECK(tried.first == "");
}

TEST_CASE("a cut is fsynced before build() returns, and before anything is written") {
  Row row("G19", "sequences of a cut", "sequences");
  SimLog<SimFileStorage> source({"", SyncMode::never, 0});
  source.open();
  for (const char call : std::string("dafafaf")) source.perform(call);
  const Image whole = *source.volume()->visible(log_name);
  source.finish();
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const Image torn(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const bool is_torn = decode_file(torn).end != size;
    const auto volume = std::make_shared<SimVolume>(Directory{{log_name, torn}});
    auto log = open_log<SimFileStorage>(volume);
    REQUIRE(log);
    const std::string wanted = is_torn ? "truncate, sync" : "sync";
    ++row.count;
    if (sequence(*volume) != wanted || !volume->is_durable(log_name)) ++row.violations;
  }
  // With whole frames behind the tear: the copy first, durable under its name, then the cut.
  Image holed = whole;
  holed[decode_file(whole).frames[1].at + 30] ^= std::byte{1};
  const auto volume = std::make_shared<SimVolume>(Directory{{log_name, holed}});
  REQUIRE(open_log<SimFileStorage>(volume));
  ++row.count;
  if (sequence(*volume).find("create, write, sync, rename, sync directory, truncate, sync") != 0) ++row.violations;
  CHECK(sequence(*volume) == "create, write, sync, rename, sync directory, truncate, sync");
  CHECK(row.violations == 0);
}

TEST_CASE("a shutdown writes, syncs and cuts, in every mode, and nothing is written after it") {
  Row row("G17", "shutdowns: order, durability, silence afterwards", "shutdowns");
  for (const SyncMode mode : {SyncMode::never, SyncMode::batch, SyncMode::interval(std::chrono::milliseconds(1))}) {
    for (const std::uint64_t preallocate : {0u, 1024u}) {
      for (const bool asks : {true, false}) {
        const auto volume = std::make_shared<SimVolume>();
        std::size_t end = 0;
        {
          auto log = open_log<SimFileStorage>(volume, {"", mode, preallocate}).value();
          CHECK(log.append("one"));
          CHECK(log.append_durable("two"));
          CHECK(log.append("three"));
          if (asks) {
            std::vector<rewal::Result<void>> answers(3, rewal::Errc::io);
            std::vector<std::thread> callers;
            for (auto& answer : answers) callers.emplace_back([&] { answer = log.shutdown(); });
            for (auto& caller : callers) caller.join();
            for (const auto& answer : answers) CHECK(answer);
            end = volume->operations().size();
            // Unlocked already, while the object still lives.
            CHECK(open_log<SimFileStorage>(volume));
            end = volume->operations().size();
          }
        }
        if (!asks) end = volume->operations().size();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        ++row.count;
        if (volume->operations().size() != end) ++row.violations;
        const std::string all = sequence(*volume);
        const std::string tail = preallocate == 0 ? "write, sync" : "write, sync, truncate";
        if (!asks && (all.size() < tail.size() || all.substr(all.size() - tail.size()) != tail)) ++row.violations;
        auto again = open_log<SimFileStorage>(volume);
        if (!again || again->last_lsn() != 3 || again->recovery().cut_bytes != 0) ++row.violations;
      }
    }
  }
  CHECK(row.violations == 0);
}
