// SPDX-License-Identifier: MIT
//
// Generations: a folder of logs that reads as one log whose beginning can be thrown away. Copy this file and change it.
//
//   auto log = generations::Generations<>::open("orders");  // Result<std::unique_ptr<Generations<>>>
//   auto lsn = (*log)->append("payload");                   // as of rewal::Wal
//   lsn = (*log)->roll();                                   // what follows goes to a new file
//   auto ok = (*log)->drop_before(snapshot_lsn + 1);        // removes files that hold only older events
//
// Each generation is a rewal log. Its name is the LSN of its first event in 20 digits, so that names sort as LSNs do.
// The newest one is live: it is appended to. The older ones are sealed: they never change again.
//
// INVARIANTS, on the disk, at every moment:
//   1. A sealed generation ends just before the LSN that is the next one's name.
//   2. A sealed generation is durable to its last event, and so are the names of all generations.
//   3. Files go oldest first, and the newest never goes: what is missing is missing in front.
//
// WHY A CRASH BREAKS NONE OF THEM, of the process or of the power:
//   - roll() shuts the old log down, all of it durable, before the new name exists. A crash leaves the old log alone,
//     which is then the live one; or both. A new file that is still empty cannot say where its LSNs begin: its name
//     does. build() fsyncs the folder, so that no event is acknowledged in a file whose name is not durable.
//   - drop_before() fsyncs the folder after each removal. A power loss may keep any of the removals that were not
//     fsynced; a later one without an earlier one would be a gap.
//   - open() fsyncs the folder first: the names that it sees may be those of a process that died before its own fsync.
// A file lost or damaged in another way is `corrupted`, with the file's name and the LSN, from open() or replay().
//
// THREADS. Every member may be called from any thread at any time. While roll() closes one file and makes the next
// (a few fsyncs), appends wait. Each lands in the old file or in the new one, and LSNs ascend without a gap: a log that
// is shutting down either takes an event and writes it, or refuses it and uses no LSN, and then the next log gets it.
// A replay opens its files at the beginning and goes on beside roll() and drop_before().
//
// One process has the folder at a time (flock). POSIX only, since Windows has no fsync of a folder.

#ifndef REWAL_EXAMPLES_GENERATIONS_HPP
#define REWAL_EXAMPLES_GENERATIONS_HPP

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <rewal/reader.hpp>
#include <rewal/wal.hpp>

namespace generations {

using rewal::Errc, rewal::Error, rewal::Lsn, rewal::Result;

/// The folder, and how its logs are opened. For options or a compressor derive from it and hide write(), and read() if
/// frames are compressed; then `Generations<MyFolder>::open("orders")`.
class LogFolder {
 public:
  explicit LogFolder(std::filesystem::path path) : path_(std::move(path)) {}

  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  /// Opens a generation to append to it; makes it, with this first LSN, where there is none.
  [[nodiscard]] auto write(const std::string& name, Lsn start) const {
    return rewal::Wal<>::open(file(name)).start_lsn(start).build();
  }
  /// Opens a generation for reading, beside whoever writes it.
  [[nodiscard]] auto read(const std::string& name) const { return rewal::Reader<>::open(file(name)).build(); }

  /// Makes the folder where there is none, its name durable, and locks it.
  [[nodiscard]] Result<void> acquire() {
    std::error_code failed;
    std::filesystem::create_directory(path_, failed);
    if (failed) return Error(Errc::io, failed, "the folder could not be made: make the one that it is in");
    folder_ = opened(path_);
    const auto parent = opened(path_ / "..");
    if (*folder_ < 0 || *parent < 0 || ::fsync(*parent) != 0) return refused();
    if (::flock(*folder_, LOCK_EX | LOCK_NB) == 0) return {};
    return errno == EWOULDBLOCK ? Error(Errc::file_locked, "another process has this folder: end it first") : refused();
  }
  [[nodiscard]] Result<std::vector<std::string>> names() const {
    std::vector<std::string> all;
    std::error_code failed;
    for (std::filesystem::directory_iterator at(path_, failed), end; !failed && at != end; at.increment(failed))
      all.push_back(at->path().filename().string());
    if (failed) return Error(Errc::io, failed);
    return all;
  }
  /// Success where it is gone already: the removal is repeated when the fsync after it has failed.
  [[nodiscard]] Result<void> remove(const std::string& name) const {
    return ::unlink(file(name).c_str()) == 0 || errno == ENOENT ? Result<void>() : refused();
  }
  /// Success means that all names made and removed before survive a power loss.
  [[nodiscard]] Result<void> sync() const { return ::fsync(*folder_) == 0 ? Result<void>() : refused(); }

 private:
  static Error refused() { return {Errc::io, std::error_code(errno, std::generic_category())}; }
  static std::shared_ptr<const int> opened(const std::filesystem::path& path) {
    return {new int(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), [](const int* descriptor) {
              if (*descriptor >= 0) ::close(*descriptor);
              delete descriptor;
            }};
  }

  std::filesystem::path path_;
  std::shared_ptr<const int> folder_;  // open and locked
};

/// What open() looks at: every event, which reads all files, or names alone. replay() checks what it reads either way.
enum class Check { events, names };

template <class Folder = LogFolder>
class Generations {
 public:
  using Log = typename decltype(std::declval<Folder&>().write(std::string(), Lsn{1}))::value_type;

  /// Opens the folder, or makes it. Errors: `file_locked`; `corrupted` with a file's name; those of Wal's build().
  [[nodiscard]] static Result<std::unique_ptr<Generations>> open(auto&& folder, Check check = Check::events) {
    std::unique_ptr<Generations> all(new Generations(Folder(std::forward<decltype(folder)>(folder))));
    if (auto found = all->find(check); !found) return found.error();
    return all;
  }

  // As of rewal::Wal. What is in a sealed generation is durable, so that flush and wait_durable ask the live one alone.
  Result<Lsn> append(auto&& payload) {
    return on_live([&](Log& log) { return log.append(payload); });
  }
  Result<Lsn> append_durable(auto&& payload) {
    return on_live([&](Log& log) { return log.append_durable(payload); });
  }
  Result<Lsn> append_batch(const rewal::Batch& batch) {
    return on_live([&](Log& log) { return log.append_batch(batch); });
  }
  Result<void> flush() {
    return on_live([](Log& log) { return log.flush(); });
  }
  Result<void> wait_durable(Lsn lsn) {
    return on_live([&](Log& log) { return lsn <= durable_lsn() ? Result<void>() : log.wait_durable(lsn); });
  }
  /// Any other call of Wal: call(Log&) returns a Result. It is called again with the next log where the live one was sealed
  /// meanwhile, so it must be one call that did nothing when it returns `closed` or `draining`.
  template <class Call>
  auto on_live(Call call) -> decltype(call(std::declval<Log&>())) {
    for (auto now = live();;) {
      auto result = call(now->log);
      if (result || (result.error() != Errc::draining && result.error() != Errc::closed)) return result;
      const std::lock_guard one(changing_);  // waits until it is rolled
      if (live_ == now) return roll_error_ ? *roll_error_ : result;
      now = live_;
    }
  }
  /// Lowest LSN in the folder, 0 while it holds no event.
  [[nodiscard]] Lsn first_lsn() const {
    const std::lock_guard one(changing_);
    return starts_.size() > 1 ? starts_.front() : live_->log.first_lsn();
  }
  /// Highest LSN written, that of events which were dropped since included.
  [[nodiscard]] Lsn last_lsn() const { return last_of(*live()); }
  [[nodiscard]] Lsn durable_lsn() const {
    const auto now = live();
    return (std::max)(now->log.durable_lsn(), now->start - 1);
  }
  /// The end, for good: later appends are `closed`. The destructor does the same and loses the error.
  Result<void> shutdown() {
    const std::lock_guard one(changing_);
    ended_ = true;
    return live()->log.shutdown();
  }

  /// Calls f(const BorrowedEvent&) for each event from `from` on that was written when the call began; f returns void,
  /// or false to stop. Returns how many it was called for. Errors: `corrupted`, with file and LSN, for a missing event.
  Result<std::uint64_t> replay(Lsn from, auto&& f) {
    auto parts = parts_from(from);
    if (!parts) return parts.error();
    std::uint64_t count = 0;
    bool stopped = false;
    for (const auto& part : *parts) {
      Lsn due = (std::max)(from, part.first);
      const auto read = part.reader.replay(due, part.last, [&](const rewal::BorrowedEvent& event) {
        if (event.lsn != due) return false;
        ++due, ++count;
        if constexpr (std::is_same_v<decltype(f(event)), bool>) {
          stopped = !f(event);
        } else {
          f(event);
        }
        return !stopped;
      });
      if (!read) return read.error();
      if (stopped) break;
      if (due <= part.last) return missing(part.first, due);
    }
    return count;
  }

  /// Seals the live generation and goes on in a new one; returns the LSN that the next event gets. Nothing to do while
  /// the live one is empty. After an error appends return that error; roll() may be tried again, as after a full disk.
  Result<Lsn> roll() {
    const std::lock_guard one(changing_);
    if (ended_) return Errc::closed;
    auto next = successor();
    roll_error_ = next ? std::nullopt : std::optional(next.error());
    if (!next) return next.error();
    if (*next != live_) starts_.push_back((*next)->start);
    const std::lock_guard lock(mutex_);
    live_.swap(*next);
    return live_->start;
  }

  /// Removes the generations whose events are all below `lsn`, so that perhaps some below it stay. What replaces them
  /// must be durable before: snapshot, its name and all.
  Result<void> drop_before(Lsn lsn) {
    const std::lock_guard one(changing_);
    while (starts_.size() > 1 && starts_[1] <= lsn) {
      if (auto removed = folder_.remove(name_of(starts_.front())); !removed) return removed;
      if (auto synced = folder_.sync(); !synced) return synced;
      starts_.erase(starts_.begin());
    }
    return {};
  }

 private:
  using Reader = typename decltype(std::declval<Folder&>().read(std::string()))::value_type;
  struct Live {
    Lsn start;
    Log log;
  };
  struct Part {
    Lsn first;
    Lsn last;
    Reader reader;
  };

  explicit Generations(Folder folder) : folder_(std::move(folder)) {}
  static std::string name_of(Lsn start) {
    return std::to_string(start).insert(0, 20 - std::to_string(start).size(), '0') + ".wal";
  }
  /// 0 for a name that is no generation's.
  static Lsn start_in(const std::string& name) {
    Lsn start = 0;
    std::from_chars(name.data(), name.data() + name.size(), start);
    return name == name_of(start) ? start : 0;
  }
  static Lsn last_of(const Live& live) { return (std::max)(live.log.last_lsn(), live.start - 1); }

  /// An Error holds a pointer to the name, so names are kept for ever: one for each file that was found bad.
  [[nodiscard]] Error missing(Lsn start, Lsn lsn) const {
    static std::mutex mutex;
    static std::set<std::string> kept;
    const std::lock_guard lock(mutex);
    const char* const name = kept.insert(folder_.file(name_of(start))).first->c_str();
    return Error(Errc::corrupted, "an event is missing: bring this file, or the next, back").in_file(name).at_lsn(lsn);
  }

  Result<void> find(Check check) {
    if (auto acquired = folder_.acquire(); !acquired) return acquired;
    if (auto synced = folder_.sync(); !synced) return synced;
    const auto names = folder_.names();
    if (!names) return names.error();
    for (const auto& name : *names) {
      if (const Lsn start = start_in(name); start != 0) starts_.push_back(start);
    }
    if (starts_.empty()) starts_.push_back(1);
    std::sort(starts_.begin(), starts_.end());
    for (std::size_t i = 0; check == Check::events && i + 1 < starts_.size(); ++i) {
      const auto seen = folder_.read(name_of(starts_[i])).and_then([](const Reader& file) { return file.examine(); });
      if (!seen) return seen.error();
      if (seen->first_lsn != starts_[i]) return missing(starts_[i], starts_[i]);
      if (seen->last_lsn + 1 != starts_[i + 1] || seen->gaps != 0) return missing(starts_[i], seen->last_lsn + 1);
    }
    return opened_live(starts_.back()).transform([this](const std::shared_ptr<Live>& opened) { live_ = opened; });
  }
  Result<std::shared_ptr<Live>> opened_live(Lsn start) {
    auto log = folder_.write(name_of(start), start);
    if (!log) return log.error();
    if (log->first_lsn() != 0 && log->first_lsn() != start) return missing(start, start);
    return std::make_shared<Live>(Live{start, std::move(*log)});
  }

  /// The generation after the live one, which takes nothing more from here on; the live one itself while it is empty.
  Result<std::shared_ptr<Live>> successor() {
    const bool flushed = live_->log.flush().has_value();  // not if it broke, or an earlier roll() failed behind its end
    if (flushed && last_of(*live_) < live_->start) return live_;
    if (auto sealed = live_->log.shutdown(); !sealed) return sealed.error();
    return opened_live(last_of(*live_) + 1);
  }

  [[nodiscard]] std::shared_ptr<Live> live() const {
    const std::lock_guard lock(mutex_);
    return live_;
  }
  /// Opened all at once, so that drop_before() may remove them meanwhile.
  Result<std::vector<Part>> parts_from(Lsn from) {
    const std::lock_guard one(changing_);
    const Lsn end = last_lsn();
    std::vector<Part> parts;
    for (std::size_t i = 0; i < starts_.size(); ++i) {
      const Lsn last = i + 1 < starts_.size() ? starts_[i + 1] - 1 : end;
      if (last < from || last < starts_[i]) continue;
      auto reader = folder_.read(name_of(starts_[i]));
      if (!reader) return reader.error();
      parts.push_back(Part{starts_[i], last, std::move(*reader)});
    }
    return parts;
  }

  Folder folder_;
  mutable std::mutex changing_;      // held by whoever changes the set of files, and by a reader that opens them
  std::vector<Lsn> starts_;          // with changing_: oldest first, the live one last
  bool ended_ = false;               // with changing_
  std::optional<Error> roll_error_;  // with changing_: of the last roll()
  mutable std::mutex mutex_;         // taken after changing_, for a moment
  std::shared_ptr<Live> live_;       // changed with both, so that either lets one read
};

}  // namespace generations

#endif  // REWAL_EXAMPLES_GENERATIONS_HPP
