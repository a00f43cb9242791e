// SPDX-License-Identifier: MIT
//
// A walk through the calls of rewal, each used once and checked. Needs neither exceptions nor RTTI.

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <rewal/cursor.hpp>
#include <rewal/reader.hpp>
#include <rewal/wal.hpp>

namespace {

using namespace std::chrono_literals;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "tour: %s\n", why.c_str());
  std::exit(1);
}

void check(bool holds, const char* what) {
  if (!holds) fail(what);
}

template <class T>
T must(rewal::Result<T> result) {
  if (!result) fail(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

void append_and_read(const std::string& path) {
  auto opened = rewal::Wal<>::open(path)
                    .sync_mode(rewal::SyncMode::never)
                    .backpressure(rewal::Backpressure::block)
                    .queue_capacity(4096)
                    .queue_bytes(1024 * 1024)
                    .max_frame_bytes(1024 * 1024)
                    .preallocate(1024 * 1024)
                    .file_mode(0600)
                    .start_lsn(1)
                    .buffer_capacity(64 * 1024)
                    .build();
  if (!opened) fail(opened.error().message());
  rewal::Wal<> wal = std::move(*opened);

  check(must(wal.append("payload")) == 1, "LSNs begin at 1");
  check(must(wal.append_with_meta("payload", "meta")) == 2, "and go up by one");

  auto batch = rewal::Batch::with_capacity(3);
  batch.add("one");
  batch.add_with_meta("two", "m");
  batch.add("three");
  check(must(wal.append_batch(batch)) == 5, "a batch returns its last LSN");

  must(wal.flush());  // survives a process crash
  check(wal.last_lsn() == 5, "flushed is written");
  must(wal.sync());  // survives a power loss
  check(wal.durable_lsn() == 5, "synced is durable");

  const rewal::Lsn last = must(wal.append_durable("durable"));
  must(wal.wait_durable(last));

  std::size_t seen = 0;
  const auto handed = wal.replay(1, [&](const rewal::BorrowedEvent& event) {
    ++seen;
    if (event.lsn == 4) check(rewal::as_text(event.payload) == "two" && event.meta, "replay shows payload and meta");
  });
  check(must(handed) == 6 && seen == 6, "replay hands over every event");

  auto iterator = wal.iterator(4);
  if (!iterator) fail(iterator.error().message());
  std::string text;
  for (const auto& event : *iterator) {  // each element is a Result: damage cannot be missed
    if (!event) fail(event.error().message());
    text += rewal::as_text(event->payload);
    text += ' ';
  }
  check(text == "two three durable ", "an iterator starts at its LSN");

  check(must(wal.replay(2, 3, [](const rewal::BorrowedEvent&) {})) == 2, "a range has two ends");
  auto range = wal.iterator(2, 3);
  if (!range) fail(range.error().message());
  check(must(range->next())->lsn == 2 && must(range->next())->lsn == 3 && !must(range->next()), "so has an iterator");

  auto follower = wal.follow(5);  // never ends by itself: it waits for what becomes durable
  if (!follower) fail(follower.error().message());
  check(must(follower->next()).lsn == 5 && follower->lag() == 1, "a follower hands out what is durable");
  check(must(follower->next_borrowed(1s)).has_value() && !must(follower->next(0s)), "and says when the time is over");
  must(follower->seek(1));
  check(must(follower->next_borrowed()).lsn == 1, "it goes on wherever it is sent");
  auto early = wal.follow(6, rewal::Follow::written);  // without waiting for an fsync
  if (!early) fail(early.error().message());
  check(must(early->next()).lsn == 6, "a follower may be content with what is written");
  follower->stop();  // from any thread
  check(follower->next() == rewal::Errc::closed, "and ends when it is told to");

  const rewal::Stats stats = wal.stats();
  check(stats.events_written == 6 && stats.durable_lsn == 6, "stats count events");
  check(stats.sync_count >= 1, "and fsyncs");
  must(wal.shutdown(5s));
  check(wal.append("late") == rewal::Errc::closed, "a closed log says so");
}

void open_again(const std::string& path) {
  auto wal = must(rewal::Wal<>::open(path).recovery(rewal::Recovery::strict).build());
  check(wal.recovery().events == 6 && wal.last_lsn() == 6, "what was acknowledged is there");
  const auto second = rewal::Wal<>::open(path).build();
  check(!second && second.error() == rewal::Errc::file_locked, "one log, one owner");
}

void look_from_outside(const std::string& path) {
  auto cursor = must(rewal::Cursor::open(path + ".cursor"));  // how far somebody has come
  must(cursor.commit(4));
  check(cursor.lsn() == 4, "a cursor remembers an LSN");
  must(cursor.close());

  auto reader = must(rewal::Reader<>::open(path).build());  // changes nothing, takes no lock
  const auto seen = must(reader.examine());
  check(seen.verdict == rewal::Verdict::clean && seen.first_lsn == 1 && seen.last_lsn == 6, "a Reader judges a file");
  std::uint64_t events = 0;
  for (const auto& frame : reader.frames()) events += must(frame).count;
  check(events == 6, "and lists its frames");
  check(must(reader.replay(1, [](const rewal::BorrowedEvent&) {})) == 6, "reads like a log");
  must(reader.refresh());
  check(must(reader.copy_to(path + ".copy")) == 6, "a copy opens as a log");
  check(must(reader.salvage_to(path + ".salvaged")).left_out_bytes == 0, "salvage keeps every whole frame");

  auto wal = must(rewal::Wal<>::open(path).build());
  check(wal.first_lsn() == 1 && !wal.error(), "a log knows its first LSN, and whether it still writes");
  check(must(wal.copy_to(path + ".backup")) == 6, "a log is copied while it is open");
}

// Policies: each is a plain type, found by its members.

struct RunLength {  // a byte and how often it comes, 1 to 255
  rewal::Result<void> compress(rewal::Bytes source, std::vector<std::byte>& out) {
    for (std::size_t i = 0; i < source.size();) {
      std::size_t run = 1;
      while (i + run < source.size() && run < 255 && source[i + run] == source[i]) ++run;
      out.push_back(static_cast<std::byte>(run));
      out.push_back(source[i]);
      i += run;
    }
    return {};
  }
  rewal::Result<void> decompress(rewal::Bytes source, std::vector<std::byte>& out) {
    if (source.size() % 2 != 0) return rewal::Errc::corrupted;
    for (std::size_t i = 0; i < source.size(); i += 2) {
      out.insert(out.end(), std::to_integer<std::size_t>(source[i]), source[i + 1]);
    }
    return {};
  }
};

struct Offsets {  // where each LSN's frame begins; shared, to be looked at from outside
  std::shared_ptr<std::vector<std::uint64_t>> offsets = std::make_shared<std::vector<std::uint64_t>>();
  void on_append(rewal::Lsn, std::optional<rewal::Bytes>, std::uint64_t offset) { offsets->push_back(offset); }
};

struct CountWrites {  // any subset of the hooks
  std::shared_ptr<std::atomic<rewal::Lsn>> durable = std::make_shared<std::atomic<rewal::Lsn>>(0);
  std::shared_ptr<std::atomic<std::size_t>> bytes = std::make_shared<std::atomic<std::size_t>>(0);
  void after_write(std::size_t written) { *bytes += written; }
  void on_durable(rewal::Lsn lsn) { *durable = lsn; }  // instead of waiting
};

void policies() {
  Offsets index;
  CountWrites hooks;
  rewal::MemoryStorage memory;
  auto wal = must(
      rewal::Wal<>::open("a name only").compressor(RunLength{}).indexer(index).hooks(hooks).storage(memory).build());
  must(wal.append(std::string(1000, 'a')));
  must(wal.append_durable(std::string(1000, 'b')));
  check(index.offsets->size() == 2 && index.offsets->front() == 0, "the indexer saw both events");
  check(hooks.bytes->load() == wal.stats().bytes_written, "the hook saw every byte");
  check(*hooks.durable == 2, "and what became durable");
  check(wal.stats().compressed_bytes > 1900, "and they became small");
  std::size_t length = 0;
  must(wal.replay(1, [&](rewal::Event&& event) { length += event.payload.size(); }));
  check(length == 2000, "reading decompresses");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "tour.wal";
  const auto remove_all = [&] {
    std::error_code ignored;
    for (const char* made : {"", ".cursor", ".copy", ".salvaged", ".backup"}) {
      std::filesystem::remove(path + made, ignored);
    }
  };
  remove_all();
  append_and_read(path);
  open_again(path);
  look_from_outside(path);
  remove_all();
  policies();
  std::puts("tour: every call did what it promises");
}
