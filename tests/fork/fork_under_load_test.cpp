// SPDX-License-Identifier: MIT
//
// G24 under load: forks while eight threads append and sync, open and close. Every child finds each log refused and
// exits at once; every acknowledged event is there afterwards, and nothing else.

#include <catch2/catch_test_macros.hpp>
#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <atomic>
#include <fork/child.hpp>
#include <memory>
#include <rewal/wal.hpp>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <thread>
#include <torture/report.hpp>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_torture::Budget;
using rewal_torture::Row;

/// Eight threads that append and sync in all ways, and one that opens and closes logs.
class Load {
 public:
  explicit Load(const TempDir& dir) : wal_(must(Wal<>::open(dir.file("log")).build())) {
    for (unsigned i = 0; i < 8; ++i) {
      threads_.emplace_back([this, i] {
        const std::string payload(i == 7 ? 3'000'000 : 1 + 50 * i, 'p');
        while (!over_.load()) {
          const Lsn lsn = must(i % 2 == 0 ? wal_.append_durable(payload) : wal_.append(payload));
          if (i % 2 != 0) must(i == 3 ? wal_.sync() : wal_.flush());
          appended_.fetch_add(1);
          if (i % 2 == 0) static_cast<void>(lsn);
        }
      });
    }
    threads_.emplace_back([this, &dir] {
      while (!over_.load()) {
        auto other = must(Wal<>::open(dir.file("other")).build());
        must(other.append("x"));
        must(other.close());
      }
    });
  }
  ~Load() {
    over_.store(true);
    for (auto& thread : threads_) thread.join();
  }

  Wal<>& wal() { return wal_; }
  Lsn appended() const { return appended_.load(); }

 private:
  Wal<> wal_;
  std::atomic<bool> over_{false};
  std::atomic<Lsn> appended_{0};
  std::vector<std::thread> threads_;
};

std::string refused_by(Wal<>& wal) {
  const auto is_refused = [](const auto& result) { return !result && result.error() == Errc::not_running; };
  if (!is_refused(wal.append("child's"))) return "append was not refused";
  if (!is_refused(wal.append_durable("child's"))) return "append_durable was not refused";
  if (!is_refused(wal.flush()) || !is_refused(wal.sync())) return "flush or sync was not refused";
  if (!is_refused(wal.close()) || !is_refused(wal.shutdown())) return "close or shutdown was not refused";
  if (wal.durable_lsn() > wal.last_lsn()) return "durable_lsn is ahead";
  return "";
}

template <class Goes>
void fork_under_load(Row& row, Goes goes_on) {
  TempDir dir;
  Lsn appended = 0;
  {
    auto load = std::make_unique<Load>(dir);
    REQUIRE(eventually([&] { return load->appended() > 20; }));
    for (; goes_on(); ++row.count) {
      Child child([&] { return refused_by(load->wal()); },
                  [&] {
                    load->wal() = Wal<>();
                    ::_exit(0);
                  });
      REQUIRE(child.ended() == "");
    }
    Wal<>& wal = load->wal();
    auto iterator = wal.iterator(1);
    must(wal.flush());
    appended = wal.last_lsn();
    load.reset();
  }
  Lsn last = 0;
  auto wal = must(Wal<>::open(dir.file("log")).recovery(Recovery::strict).build());
  must(wal.replay(1, [&](const BorrowedEvent& e) {
    if (e.lsn != last + 1 || e.payload[0] != std::byte{'p'}) throw std::runtime_error("a gap, or a child's event");
    last = e.lsn;
  }));
  CHECK(last >= appended);
}

}  // namespace

TEST_CASE("forks while eight threads append and sync: children are refused, acknowledged events are there") {
  if (REWAL_TSAN) SKIP("ThreadSanitizer's own locks do not outlive a fork of many threads");
  Row row("G24", "forks while eight threads append and sync", "children");
  fork_under_load(row, [&] { return row.count < volume(60); });
}

TEST_CASE("forks while eight threads append and sync, for as long as there is time, at least 2,000", "[.torture]") {
  Row row("G24", "forks while eight threads append and sync", "children");
  const Budget budget;
  while (budget.left() || row.count < 2000) {
    const auto from = row.count;
    fork_under_load(row, [&] { return row.count < from + 500 && (budget.left() || row.count < 2000); });
  }
}

#endif  // REWAL_POSIX
