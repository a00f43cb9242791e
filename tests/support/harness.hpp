// SPDX-License-Identifier: MIT
//
// The words that tests of a whole log are written in: must, said, eventually, together, in_background, payloads.
// Whoever includes it gets a watchdog for every test of the executable: a hang is a message and an abort, never a
// silent time-out. Failures are thrown as exceptions, so that the words work on any thread; Catch2's macros are left
// to the test's own thread.

#ifndef REWAL_TESTS_SUPPORT_HARNESS_HPP
#define REWAL_TESTS_SUPPORT_HARNESS_HPP

#include <atomic>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/catch_tostring.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <rewal/crc32c/crc32c.hpp>
#include <rewal/wal.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/sanitized.hpp>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace rewal_test {

using namespace rewal;
using namespace std::chrono_literals;

/// How many of something a test does: fewer where a sanitizer makes each dear.
[[nodiscard]] constexpr std::size_t volume(std::size_t plain) { return sanitized ? (plain + 7) / 8 : plain; }

/// How long a condition that must come may take. Generous: it only decides how late a failure is noticed.
inline constexpr std::chrono::seconds patience = sanitized ? 60s : 20s;

// ---- results -------------------------------------------------------------------------------------------------------

/// The value, or an exception that says what went wrong.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// "ok", or the name of the error's code.
template <class T>
[[nodiscard]] std::string said(const Result<T>& result) {
  if (result) return "ok";
  std::ostringstream name;
  name << result.error().code();
  return name.str();
}

/// The system's code in a failed result; 0 in any other.
template <class T>
[[nodiscard]] int errno_of(const Result<T>& result) {
  return result ? 0 : result.error().system().value();
}

template <class T>
[[nodiscard]] bool timed_out(const Result<T>& result) {
  return !result && result.error() == Errc::io && result.error().system() == std::errc::timed_out;
}

// ---- waiting and threads -------------------------------------------------------------------------------------------

/// Whether `holds()` comes true while there is patience.
template <class F>
[[nodiscard]] bool eventually(F&& holds) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(100us);
  }
  return true;
}

/// A call that runs on a thread of its own, and has begun when this returns.
template <class F>
[[nodiscard]] auto in_background(F f) {
  std::promise<void> begun;
  auto call = std::async(std::launch::async, [&begun, f = std::move(f)]() mutable {
    begun.set_value();
    return f();
  });
  begun.get_future().wait();
  return call;
}

template <class T>
[[nodiscard]] bool is_done(const std::future<T>& call) {
  return call.wait_for(0s) == std::future_status::ready;
}

/// Whether the call is still running after a moment. A wrong "yes" is possible, a wrong "no" is not.
template <class T>
[[nodiscard]] bool stays_pending(const std::future<T>& call) {
  return call.wait_for(20ms) != std::future_status::ready;
}

/// What the call returned; an exception where it does not return.
template <class T>
T outcome(std::future<T>& call) {
  if (call.wait_for(patience) != std::future_status::ready) throw std::runtime_error("the call does not return");
  return call.get();
}

/// Runs f(0) ... f(count - 1) on threads that start together; rethrows what one of them threw.
template <class F>
void together(std::size_t count, F f) {
  std::atomic<std::size_t> ready{0};
  std::exception_ptr thrown;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      ++ready;
      while (ready.load() < count) std::this_thread::yield();
      try {
        f(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        thrown = std::current_exception();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  if (thrown) std::rethrow_exception(thrown);
}

// ---- what is in a log ----------------------------------------------------------------------------------------------

/// The payloads from `from` on, as text, by replay.
template <class W>
[[nodiscard]] std::vector<std::string> payloads(const W& wal, Lsn from = 0) {
  std::vector<std::string> all;
  must(wal.replay(from, [&](const BorrowedEvent& event) { all.emplace_back(as_text(event.payload)); }));
  return all;
}

template <class W>
[[nodiscard]] std::vector<Lsn> lsns(const W& wal, Lsn from = 0) {
  std::vector<Lsn> all;
  must(wal.replay(from, [&](const BorrowedEvent& event) { all.push_back(event.lsn); }));
  return all;
}

/// Everything of every event, by replay.
template <class W>
[[nodiscard]] std::vector<Event> events(const W& wal, Lsn from = 0) {
  std::vector<Event> all;
  must(wal.replay(from, [&](const BorrowedEvent& event) { all.push_back(event.to_owned()); }));
  return all;
}

[[nodiscard]] inline std::string text_of(const std::vector<std::byte>& bytes) { return std::string(as_text(bytes)); }

/// A frame as its header shows it.
struct WrittenFrame {
  std::uint64_t offset;
  std::uint32_t size;
  std::uint32_t count;
  Lsn first_lsn;
  std::uint16_t flags;

  [[nodiscard]] bool synced_before() const { return (flags & 2) != 0; }
  [[nodiscard]] Lsn last_lsn() const { return first_lsn + count - 1; }
  [[nodiscard]] std::uint64_t end() const { return offset + size; }
};

/// The frames of a log's bytes, read by the format's table alone; throws at a byte that is wrong.
[[nodiscard]] inline std::vector<WrittenFrame> frames_in(Bytes image) {
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value |= std::to_integer<std::uint64_t>(image[at + i]) << (8 * i);
    return value;
  };
  std::vector<WrittenFrame> frames;
  for (std::size_t at = 0; at < image.size();) {
    if (image.size() - at < 28) throw std::runtime_error("a frame is cut short");
    const WrittenFrame frame{at, static_cast<std::uint32_t>(number(at + 20, 4)),
                             static_cast<std::uint32_t>(number(at + 8, 4)), number(at + 12, 8),
                             static_cast<std::uint16_t>(number(at + 6, 2))};
    if (as_text(image.subspan(at, 4)) != "EWAL" || number(at + 4, 2) != 2) throw std::runtime_error("no frame");
    if (frame.size < 28 || frame.size > image.size() - at) throw std::runtime_error("a frame of impossible size");
    const std::uint32_t crc = rewal::detail::crc32c(0, image.data() + at, frame.size - 4);
    if (crc != number(at + frame.size - 4, 4)) throw std::runtime_error("a frame with a wrong CRC");
    frames.push_back(frame);
    at += frame.size;
  }
  return frames;
}

/// Bytes of the frame of one event.
[[nodiscard]] constexpr std::size_t frame_bytes(std::size_t payload, std::size_t meta = 0) {
  return 24 + 6 + meta + payload + 4;
}

// ---- the watchdog --------------------------------------------------------------------------------------------------

/// Aborts, with the test's name, when a test case takes longer than any test may. Tests tagged [slow] get five times
/// as long, those tagged [torture] have no limit.
class Watchdog : public Catch::EventListenerBase {
 public:
  using Catch::EventListenerBase::EventListenerBase;

  static std::string getDescription() { return "aborts a test that hangs"; }

  void testCaseStarting(const Catch::TestCaseInfo& test) override {
    std::chrono::seconds limit = sanitized ? 240s : 60s;
    for (const auto& tag : test.tags) {
      const std::string name(tag.original.begin(), tag.original.end());
      if (name == "slow") limit *= 5;
      if (name == "torture") return;
    }
    over_ = false;
    guard_ = std::thread([this, limit, name = test.name] {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, limit, [this] { return over_; })) return;
      std::fprintf(stderr, "\nwatchdog: \"%s\" hangs: not over after %lld s\n", name.c_str(),
                   static_cast<long long>(limit.count()));
      std::fflush(stderr);
      std::signal(SIGABRT, SIG_DFL);  // Catch2's handler would end the test case, and so wait for this thread
      std::abort();
    });
  }

  void testCaseEnded(const Catch::TestCaseStats&) override {
    if (!guard_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    guard_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread guard_;
};

// One for all files of an executable, so it is no CATCH_REGISTER_LISTENER.
inline const Catch::ListenerRegistrar<Watchdog> watchdog_registrar{Catch::StringRef("watchdog")};

}  // namespace rewal_test

/// A result prints as what it says.
template <class T>
struct Catch::StringMaker<rewal::Result<T>> {
  static std::string convert(const rewal::Result<T>& result) {
    if (!result) return result.error().message();
    if constexpr (std::is_void_v<T>) {
      return "ok";
    } else {
      return "ok: " + Catch::Detail::stringify(*result);
    }
  }
};

#endif  // REWAL_TESTS_SUPPORT_HARNESS_HPP
