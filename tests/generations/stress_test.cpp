// SPDX-License-Identifier: MIT
//
// Many producers and readers while one thread rolls and another drops.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <generations.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <thread>
#include <vector>

namespace {

using namespace rewal_test;
using generations::Generations;

constexpr std::size_t producers = 4;

struct Sent {
  Lsn lsn;
  std::string payload;
};

/// One producer's events, some of them durable, some of them batches.
std::vector<Sent> produce(Generations<>& log, std::size_t who, std::size_t count) {
  std::vector<Sent> sent;
  auto batch = Batch::with_capacity(3);
  for (std::size_t i = 0; sent.size() < count; ++i) {
    const auto payload = [&](std::size_t n) {
      return std::to_string(who) + ":" + std::to_string(i) + ":" + std::to_string(n);
    };
    if (i % 97 == 5) {
      sent.push_back({must(log.append_durable(payload(0))), payload(0)});
      if (log.durable_lsn() < sent.back().lsn) throw std::runtime_error("acknowledged beyond durable_lsn");
    } else if (i % 13 == 7) {
      batch.clear();
      for (std::size_t n = 0; n < 3; ++n) batch.add(payload(n));
      const Lsn last = must(log.append_batch(batch));
      for (std::size_t n = 0; n < 3; ++n) sent.push_back({last - 2 + n, payload(n)});
    } else {
      sent.push_back({must(log.append(payload(0))), payload(0)});
    }
  }
  return sent;
}

}  // namespace

TEST_CASE("producers go on while it rolls and drops, and each event is where its LSN says", "[slow]") {
  const TempDir dir;
  const auto log = must(Generations<>::open(dir.path()));
  std::vector<std::vector<Sent>> sent(producers);
  std::map<Lsn, std::string> read;  // by the reader, before it lets them be dropped
  std::atomic<std::size_t> running{producers};
  std::size_t rolls = 0;
  std::atomic<Lsn> copied{0};

  const auto take = [&] {
    must(log->replay(copied + 1, [&](const BorrowedEvent& event) {
      if (event.lsn != copied + 1) throw std::runtime_error("an event is missing");
      read.emplace(event.lsn, std::string(as_text(event.payload)));
      copied = event.lsn;
    }));
  };
  together(producers + 4, [&](std::size_t who) {
    if (who < producers) {
      const std::shared_ptr<void> ended(nullptr, [&](void*) { --running; });  // also where a producer fails
      sent[who] = produce(*log, who, volume(40'000));
    } else if (who == producers) {
      for (Lsn next = 1; running > 0; ++rolls) {
        const Lsn now = must(log->roll());
        if (now < next) throw std::runtime_error("roll() went back");
        next = now;
        std::this_thread::sleep_for(2ms);
      }
    } else if (who == producers + 1) {
      while (running > 0) take();
    } else if (who == producers + 2) {
      while (running > 0) {  // reads what is being dropped
        Lsn before = 0;
        must(log->replay(0, [&](const BorrowedEvent& event) {
          if (before != 0 && event.lsn != before + 1) throw std::runtime_error("a replay from the beginning has a gap");
          before = event.lsn;
        }));
      }
    } else {
      while (running > 0) {
        must(log->drop_before(copied + 1));
        std::this_thread::sleep_for(1ms);
      }
    }
  });
  must(log->flush());
  take();
  must(log->drop_before(copied + 1));

  std::size_t count = 0;
  for (const auto& one : sent) {
    Lsn before = 0;
    for (const auto& event : one) {
      ++count;
      if (event.lsn <= before) FAIL("one producer's LSNs do not ascend");
      before = event.lsn;
      const auto found = read.find(event.lsn);
      if (found == read.end() || found->second != event.payload) FAIL("LSN " << event.lsn << " is another event");
    }
  }
  CHECK(read.size() == count);
  CHECK(read.rbegin()->first == count);
  CHECK(rolls > 3);
  CHECK(log->first_lsn() > 1);
}
