// SPDX-License-Identifier: MIT
//
// Event sourcing with snapshots: the log of what happened is the truth, the balances are computed from it. Several
// threads decide and append one after another, and wait for durability together, so that they share fsyncs.
//
//   ledger FOLDER            transfers money between accounts until it is killed; a line for each durable transfer
//   ledger FOLDER --check    rebuilds the ledger and shows it
//
// A snapshot is one event in a log of its own: a frame is there whole or not at all, so nothing has to be renamed. The
// history stays; a program that may forget it drops it as key_value.cpp does.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <rewal/wal.hpp>

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "ledger: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(rewal::Result<T> result) {
  if (!result) fail(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// What is computed from the events. apply() must never fail and never change: it reads events of any age.
struct Balances {
  rewal::Lsn upto = 0;
  std::map<std::string, std::int64_t> cents;

  /// `open ACCOUNT CENTS` or `transfer FROM TO CENTS`
  void apply(rewal::Lsn lsn, const std::string& event) {
    std::istringstream in(event);
    std::string kind, from, to;
    std::int64_t amount = 0;
    in >> kind >> from;
    if (kind == "transfer") in >> to;
    in >> amount;
    cents[from] += kind == "open" ? amount : -amount;
    if (kind == "transfer") cents[to] += amount;
    upto = lsn;
  }
  [[nodiscard]] std::string to_text() const {
    std::string text = std::to_string(upto);
    for (const auto& [account, amount] : cents) text += ' ' + account + ' ' + std::to_string(amount);
    return text;
  }
  void from_text(const std::string& text) {
    std::istringstream in(text);
    in >> upto;
    std::string account;
    for (std::int64_t amount = 0; in >> account >> amount;) cents[account] = amount;
  }
};

class Ledger {
 public:
  explicit Ledger(const std::filesystem::path& folder)
      : events_(must(rewal::Wal<>::open((folder / "events.wal").string()).build())),
        snapshots_(must(rewal::Wal<>::open((folder / "snapshots.wal").string()).build())) {
    if (const rewal::Lsn newest = snapshots_.last_lsn(); newest != 0) {
      must(snapshots_.replay(newest, [&](const rewal::BorrowedEvent& snapshot) {
        balances_.from_text(std::string(rewal::as_text(snapshot.payload)));
      }));
    }
    if (balances_.upto > events_.last_lsn()) fail("the snapshot is ahead of the events: one of the files is another's");
    replayed_ = must(events_.replay(balances_.upto + 1, [&](const rewal::BorrowedEvent& event) {
      balances_.apply(event.lsn, std::string(rewal::as_text(event.payload)));
    }));
  }

  void open_account(const std::string& name, std::int64_t cents) {
    record("open " + name + ' ' + std::to_string(cents), name, 0);
  }
  /// The LSN of the transfer once it is durable; none where there is not enough money. From any thread.
  std::optional<rewal::Lsn> transfer(const std::string& from, const std::string& to, int cents) {
    return record("transfer " + from + ' ' + to + ' ' + std::to_string(cents), from, cents);
  }

  [[nodiscard]] const Balances& balances() const { return balances_; }  // while nobody changes them
  [[nodiscard]] std::uint64_t replayed() const { return replayed_; }

 private:
  /// Decided, appended and applied under the mutex, so that the order of the log is the order of the decisions; the
  /// wait, which takes a thousand times as long, is outside, and one fsync serves all who wait.
  std::optional<rewal::Lsn> record(const std::string& event, const std::string& payer, std::int64_t needs) {
    std::unique_lock lock(mutex_);
    if (balances_.cents[payer] < needs) return std::nullopt;
    const rewal::Lsn lsn = must(events_.append(event));
    balances_.apply(lsn, event);
    std::string snapshot;
    if (lsn % 500 == 0) snapshot = balances_.to_text();
    lock.unlock();
    must(events_.wait_durable(lsn));
    // Only now: a snapshot of events that a power loss takes back would be wrong for ever.
    if (!snapshot.empty()) must(snapshots_.append_durable(snapshot));
    return lsn;
  }

  rewal::Wal<> events_, snapshots_;
  std::uint64_t replayed_ = 0;
  std::mutex mutex_;
  Balances balances_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : "ledger";
  std::filesystem::create_directories(folder);
  Ledger ledger(folder);
  if (argc > 2 && std::string(argv[2]) == "--check") {
    std::printf("events %llu replayed %llu\n", static_cast<unsigned long long>(ledger.balances().upto),
                static_cast<unsigned long long>(ledger.replayed()));
    for (const auto& [name, cents] : ledger.balances().cents)
      std::printf("%s %lld\n", name.c_str(), static_cast<long long>(cents));
    return 0;
  }
  const std::vector<std::string> names{"ann", "bob", "cyd", "dan"};
  for (const auto& name : names)
    if (!ledger.balances().cents.contains(name)) ledger.open_account(name, 10'000);
  const auto client = [&ledger, &names](unsigned seed) {
    for (std::mt19937 random(seed);;) {
      const auto& from = names[random() % names.size()];
      const auto& to = names[random() % names.size()];
      if (const auto lsn = ledger.transfer(from, to, static_cast<int>(random() % 5000)))
        std::printf("%llu %s to %s\n", static_cast<unsigned long long>(*lsn), from.c_str(), to.c_str());
      std::fflush(stdout);
    }
  };
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) clients.emplace_back(client, std::random_device{}());
  for (auto& one : clients) one.join();
}
