// SPDX-License-Identifier: MIT
//
// G7 and G8: the k-th operation of a storage fails, is cut short, claims too much or blocks, for every k until none is
// struck. The first error is final, told by every later call and with its errno; what was acknowledged stays readable.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <support/errno.hpp>
#include <thread>
#include <torture/fault_run.hpp>
#include <torture/fault_store.hpp>
#include <torture/sim_log.hpp>
#include <vector>

namespace {

using namespace rewal_torture;

constexpr unsigned write_path = writes | syncs | cuts | closes;
constexpr unsigned read_path = reads | sizes | copies;

struct Walk {
  std::uint64_t runs = 0;
  std::uint64_t failures = 0;
  std::uint64_t clean = 0;
  std::uint64_t violations = 0;
  std::string first;
};

enum class Expected : std::uint8_t { error, errno_told, nothing, either };

/// All k for one fault; returns when one k is no longer reached.
void walk(SyncMode mode, bool is_new, unsigned counted, Fault fault, Expected expected, const std::string& name,
          Walk& walk) {
  for (std::uint64_t k = 1;; ++k) {
    const auto plan = std::make_shared<FaultPlan>(k, counted, fault);
    FaultRun run(mode, is_new, plan);
    if (expected == Expected::nothing || expected == Expected::either) run.is_harmless();
    run.run();
    ++walk.runs;
    std::string wrong = run.wrong();
    if (run.first_error()) {
      ++walk.failures;
      if (wrong.empty() && expected == Expected::nothing) wrong = "failed: " + run.first_error()->message();
      if (wrong.empty() && fault.error != 0 && run.first_error()->system().value() != fault.error)
        wrong = "another errno";
      if (wrong.empty() && expected == Expected::error && run.first_error()->code() != Errc::short_write) {
        wrong = "not a short write";
      }
    } else {
      ++walk.clean;
    }
    if (!wrong.empty() && walk.violations++ == 0) walk.first = wrong + ", k = " + std::to_string(k) + ", " + name;
    if (!plan->struck()) break;
  }
}

const std::vector<SyncMode> modes{SyncMode::never, SyncMode::batch, SyncMode::interval(std::chrono::milliseconds(1))};

template <class F>
void each_log(F f) {
  for (const SyncMode mode : modes) {
    for (const bool is_new : {true, false}) f(mode, is_new);
  }
}

void tell(Row& row, const Walk& walk) {
  row.count = walk.runs;
  row.violations = walk.violations;
  row.note("failures", walk.failures);
  row.note("clean_runs", walk.clean);
  CHECK(walk.first == "");
  CHECK(walk.clean > 0);
}

}  // namespace

TEST_CASE("after the first error every later call reports it with its errno, and nothing acknowledged is lost") {
  Row row("G7", "k-th operation fails, 5 errnos, once and for ever", "runs");
  Walk walked;
  each_log([&](SyncMode mode, bool is_new) {
    for (const int error : {EIO, ENOSPC, EDQUOT, EAGAIN}) {
      for (const bool for_ever : {false, true}) {
        walk(mode, is_new, write_path, {.error = error, .for_ever = for_ever}, Expected::errno_told,
             std::to_string(error), walked);
      }
    }
    walk(mode, is_new, syncs | cuts | closes, {.error = EINTR}, Expected::errno_told, "EINTR", walked);
    walk(mode, is_new, write_path, {.error = EINTR, .for_ever = true}, Expected::errno_told, "EINTR for ever", walked);
  });
  CHECK(walked.failures > 0);
  tell(row, walked);
}

TEST_CASE("a write that is interrupted once, or takes less than it was given, is continued") {
  Row row("G8", "k-th write short by every length, or interrupted", "runs");
  Walk walked;
  each_log([&](SyncMode mode, bool is_new) {
    walk(mode, is_new, writes, {.error = EINTR}, Expected::nothing, "EINTR", walked);
    for (const bool for_ever : {false, true}) {
      // Every length in one mode, which decides nothing about writes; some in the others.
      const std::size_t step = mode == SyncMode::never ? std::size_t{thinning} : 13;
      for (std::size_t takes = 1; takes < 700; takes += takes < 4 ? 1 : takes < 130 ? step : 61) {
        walk(mode, is_new, writes, {.takes = takes, .for_ever = for_ever}, Expected::nothing,
             "takes " + std::to_string(takes), walked);
      }
    }
  });
  CHECK(walked.failures == 0);
  tell(row, walked);
}

TEST_CASE("a write that takes nothing or claims too much is a short write, and final") {
  Row row("G7", "k-th write takes 0 bytes or claims too many", "runs");
  Walk walked;
  each_log([&](SyncMode mode, bool is_new) {
    for (const bool for_ever : {false, true}) {
      walk(mode, is_new, writes, {.takes = 0, .for_ever = for_ever}, Expected::error, "0 bytes", walked);
      walk(mode, is_new, writes, {.claims_more = true, .for_ever = for_ever}, Expected::error, "too many", walked);
    }
  });
  CHECK(walked.failures > 0);
  tell(row, walked);
}

TEST_CASE("a read that fails is told, changes nothing, and ends no log early") {
  Row row("G7", "k-th read fails while opening, replaying and iterating", "runs");
  Walk walked;
  const auto attempt = [&](const std::shared_ptr<FaultPlan>& plan, bool short_only) {
    MemoryStorage disk;
    static_cast<void>(disk.write(bytes_of(old_content())));
    ++walked.runs;
    const auto fail = [&](const std::string& what) {
      if (walked.violations++ == 0) walked.first = what + ", operation " + std::to_string(plan->operations());
    };
    bool told = false;
    const auto expect_told = [&](const rewal::Error& error) {
      told = true;
      if (short_only) return fail("a short read was an error: " + error.message());
      if (error.system().value() != plan->fault().error) fail("another errno: " + error.message());
    };
    auto opened = rewal::Wal<>::open("log").storage(FaultStore<>(disk, plan)).build();
    if (!opened) {
      expect_told(opened.error());
      const auto bytes = disk.bytes();
      if (Image(bytes.begin(), bytes.end()) != old_content()) fail("a build that failed to read changed the file");
    } else {
      if (opened->last_lsn() != 2) fail("opening lost events");
      const auto events = read_back(*opened);
      if (!events) {
        expect_told(events.error());
      } else if (events->size() != 2) {
        fail("a replay ended early");
      }
      auto it = opened->iterator();
      std::uint64_t seen = 0;
      for (const auto& event : it.value()) {
        if (event) {
          ++seen;
        } else {
          expect_told(event.error());
        }
      }
      if (seen != 2 && !told) fail("an iteration ended early");
      const auto lsn = opened->append_durable("x");
      if (lsn != rewal::Lsn{3}) fail("a failed read ended the log");
      if (!opened->shutdown()) fail("a failed read spoilt the shutdown");
    }
    told ? ++walked.failures : ++walked.clean;
    if (plan->struck() && !told && !short_only && plan->fault().error != EINTR) fail("nobody was told");
  };
  for (const int error : {EIO, ENOSPC, EDQUOT, EAGAIN}) {
    for (const bool for_ever : {false, true}) {
      for (std::uint64_t k = 1;; ++k) {
        const auto plan = std::make_shared<FaultPlan>(k, read_path, Fault{.error = error, .for_ever = for_ever});
        attempt(plan, false);
        if (!plan->struck()) break;
      }
    }
  }
  for (std::size_t takes = 1; takes < 120; takes += 7) {
    attempt(std::make_shared<FaultPlan>(1, reads, Fault{.takes = takes, .for_ever = true}), true);
  }
  attempt(std::make_shared<FaultPlan>(1, reads, Fault{.error = EINTR}), true);
  CHECK(walked.failures > 0);
  tell(row, walked);
}

TEST_CASE("a frame that close() cut off half-way is taken out of the file again") {
  Row row("G8", "close() in the middle of a write of two frames", "runs");
  for (std::size_t takes = 1; takes < 100; takes += takes < 8 ? 1 : 9) {
    const MemoryStorage disk;
    const auto plan = std::make_shared<FaultPlan>(2, writes, Fault{.takes = takes, .blocks = true});
    auto wal = rewal::Wal<>::open("log").storage(FaultStore<>(disk, plan)).build().value();
    REQUIRE(wal.append_durable("acknowledged"));
    const std::size_t end = disk.bytes().size();
    REQUIRE(wal.append(bytes_of(made_bytes(1, 40))));
    REQUIRE(wal.append(bytes_of(made_bytes(2, 40))));
    std::thread flusher([&] { static_cast<void>(wal.flush()); });
    plan->await_block();
    std::thread closer([&] { static_cast<void>(wal.close()); });
    while (wal.state() == rewal::State::running) std::this_thread::yield();
    plan->release();
    closer.join();
    flusher.join();
    ++row.count;
    const auto decoded = decode_file(disk.bytes());
    // Finished or taken out, never left half.
    if (decoded.end != disk.bytes().size() || decoded.end < end) ++row.violations;
    auto again = rewal::Wal<>::open("log").storage(disk).recovery(rewal::Recovery::strict).build();
    if (!again || !again->append_durable("more")) ++row.violations;
  }
  CHECK(row.violations == 0);
}

TEST_CASE("an operation that blocks holds up only those who need it, and a shutdown with a limit comes back") {
  Row row("G7", "k-th operation blocks, then goes on", "runs");
  for (const SyncMode mode : modes) {
    for (std::uint64_t k = 1;; ++k) {
      const MemoryStorage disk;
      const auto plan = std::make_shared<FaultPlan>(k, writes | syncs, Fault{.blocks = true});
      bool blocked = false;
      {
        // build() fsyncs: it is let through.
        if (k == 1) plan->release();
        auto wal = rewal::Wal<>::open("log").sync_mode(mode).storage(FaultStore<>(disk, plan)).build().value();
        std::thread worker([&] {
          static_cast<void>(wal.append_durable("one"));
          static_cast<void>(wal.append("two"));
          static_cast<void>(wal.flush());
          static_cast<void>(wal.sync());
          static_cast<void>(wal.append("three"));
        });
        for (int i = 0; i < 20 && !plan->struck(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        blocked = plan->struck() && k > 1;
        if (blocked) {
          const auto ended = wal.shutdown(std::chrono::milliseconds(5));
          if (ended || ended.error().system() != std::errc::timed_out) ++row.violations;
        }
        plan->release();
        worker.join();
        if (!wal.shutdown()) ++row.violations;
      }
      ++row.count;
      if (!decode_file(disk.bytes()).events.empty() && decode_file(disk.bytes()).end != disk.bytes().size())
        ++row.violations;
      if (!plan->struck()) break;
      REQUIRE(k < 100);
    }
  }
  CHECK(row.violations == 0);
}
