// SPDX-License-Identifier: MIT
//
// G20: a process killed at any instant loses no event whose flush, wait_durable or append_durable had returned, and
// what comes back is an exact prefix of what was appended. A child works and says over a pipe what was acknowledged; it
// is killed from outside at random, or kills itself before, in the middle of or after the k-th call of the file system,
// those of opening and recovery included. The parent never has a thread of its own when it forks.

#include <catch2/catch_test_macros.hpp>
#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <span>
#include <sstream>
#include <string>
#include <support/temp_dir.hpp>
#include <torture/report.hpp>
#include <utility>
#include <vector>

namespace {

using rewal::Batch;
using rewal::BorrowedEvent;
using rewal::Bytes;
using rewal::Lsn;
using rewal::Result;
using rewal::SyncMode;
using rewal_torture::Budget;
using rewal_torture::Random;
using rewal_torture::Row;
using rewal_torture::seed;
using rewal_torture::thinning;
namespace detail = rewal::detail;

// ---- what is appended: all of it follows from the LSN -----------------------------------------------------------

/// Every 16th LSN begins a batch of 5; so batches lie at the same LSNs in every life of the log.
constexpr Lsn batch_period = 16;
constexpr Lsn batch_count = 5;

[[nodiscard]] bool is_last_of_frame(Lsn lsn) {
  const Lsn place = lsn % batch_period;
  return place >= batch_count - 1;
}

/// Mostly small; some go over a sector, a page, the writer's buffer, and one in about 200 over the queue.
[[nodiscard]] std::size_t size_of(Lsn lsn) {
  Random random(lsn);
  const std::uint64_t kind = random.below(200);
  if (kind == 0) return 20'000 + random.below(60'000);
  if (kind < 10) return random.below(9000);
  return random.below(400);
}

void fill(Lsn lsn, std::vector<std::byte>& payload) {
  payload.resize(size_of(lsn));
  Random random(lsn * 77);
  for (std::size_t at = 0; at < payload.size(); at += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(payload.data() + at, &word, (std::min)(payload.size() - at, sizeof word));
  }
}

[[nodiscard]] std::string meta_of(Lsn lsn) { return lsn % 3 == 0 ? "meta " + std::to_string(lsn) : std::string(); }

[[nodiscard]] bool is_right(const BorrowedEvent& event, std::vector<std::byte>& expected) {
  fill(event.lsn, expected);
  const std::string meta = meta_of(event.lsn);
  return event.payload.size() == expected.size() &&
         std::equal(expected.begin(), expected.end(), event.payload.begin()) &&
         (event.meta ? rewal::as_text(*event.meta) : std::string_view()) == meta;
}

// ---- a file system that dies ------------------------------------------------------------------------------------

/// Where the process ends: at the k-th call of a kind, before it, when half of a write is done, or after it.
struct Death {
  enum Kind : std::uint64_t { write, sync, truncate, allocate, rename, create, directory, open, close, any, kinds };
  enum When : std::uint64_t { before, halfway, after };
  Kind kind = any;
  When when = before;
  std::uint64_t k = 0;  // 0: never
};

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

struct MortalFileSystem : detail::NativeFileSystem {
  using Base = detail::NativeFileSystem;
  std::shared_ptr<Death> death = std::make_shared<Death>();

  template <class Call>
  auto fatal(Death::Kind kind, Call call) -> decltype(call()) {
    const bool now = is_due(kind);
    if (now && death->when != Death::after) die();
    auto result = call();
    if (now) die();
    return result;
  }

  Result<File> open_or_create(const detail::NativePath& path) {
    return fatal(Death::open, [&] { return Base::open_or_create(path); });
  }
  Result<File> create_new(const detail::NativePath& path, const File& like) {
    return fatal(Death::create, [&] { return Base::create_new(path, like); });
  }
  Result<std::size_t> write_at(const File& file, Bytes bytes, std::uint64_t offset) {
    if (is_due(Death::write)) {
      if (death->when == Death::halfway) static_cast<void>(Base::write_at(file, bytes.first(bytes.size() / 2), offset));
      if (death->when == Death::after) static_cast<void>(Base::write_at(file, bytes, offset));
      die();
    }
    return Base::write_at(file, bytes, offset);
  }
  Result<void> truncate(const File& file, std::uint64_t size) {
    return fatal(Death::truncate, [&] { return Base::truncate(file, size); });
  }
  Result<void> allocate(const File& file, std::uint64_t from, std::uint64_t to) {
    return fatal(Death::allocate, [&] { return Base::allocate(file, from, to); });
  }
  // Power does not fail here, so an fsync changes nothing that could be seen: most of them are spared.
  Result<void> sync_data(const File& file) {
    return fatal(Death::sync, [&] { return real_syncs ? Base::sync_data(file) : Result<void>(); });
  }
  Result<void> sync_all(const File& file) {
    return fatal(Death::sync, [&] { return real_syncs ? Base::sync_all(file) : Result<void>(); });
  }
  Result<void> sync_directory_of(const detail::NativePath& path) {
    return fatal(Death::directory, [&] { return real_syncs ? Base::sync_directory_of(path) : Result<void>(); });
  }
  Result<void> rename_new(const detail::NativePath& from, const detail::NativePath& to) {
    return fatal(Death::rename, [&] { return Base::rename_new(from, to); });
  }
  Result<void> close(File& file) {
    return fatal(Death::close, [&] { return Base::close(file); });
  }

  bool real_syncs = false;

 private:
  /// Counts down the calls of the kind; one process, calls that never overlap.
  [[nodiscard]] bool is_due(Death::Kind kind) const {
    return (death->kind == kind || death->kind == Death::any) && death->k != 0 && --death->k == 0;
  }
};

using MortalStorage = detail::BasicFileStorage<MortalFileSystem>;
using MortalWal = rewal::Wal<MortalStorage>;

// ---- the child ---------------------------------------------------------------------------------------------------

/// One life of a log.
struct Life {
  std::string path;
  std::uint64_t seed = 0;
  Death death;
  bool real_syncs = false;
};

constexpr Lsn says_opened = Lsn{1} << 63;  // with the LSN found at open

void say(int pipe, Lsn lsn) {
  // 8 bytes of a pipe are never torn.
  if (::write(pipe, &lsn, sizeof lsn) != static_cast<::ssize_t>(sizeof lsn)) ::_exit(3);
}

[[nodiscard]] SyncMode mode_of(std::uint64_t n) {
  if (n % 3 == 0) return SyncMode::never;
  return n % 3 == 1 ? SyncMode::batch : SyncMode::interval(std::chrono::milliseconds(1));
}

/// Appends, flushes and waits until it dies, or 300 times. Returns 0 where it came to its end.
[[nodiscard]] int live(const Life& life, int pipe) {
  Random random(life.seed);
  MortalFileSystem files;
  files.real_syncs = life.real_syncs;
  *files.death = life.death;
  auto storage = MortalStorage::open(life.path, files);
  if (!storage) return 4;
  auto opened = rewal::Wal<>::open(life.path)
                    .sync_mode(mode_of(random.next()))
                    .queue_bytes(random.below(2) == 0 ? 16 * 1024 : 512 * 1024)
                    .buffer_capacity(random.below(2) == 0 ? 512 : 64 * 1024)
                    .preallocate(random.below(3) * 128 * 1024)
                    .storage(std::move(*storage))
                    .build();
  if (!opened) {
    std::fprintf(stderr, "the child cannot open the log: %s\n", std::string(opened.error().message()).c_str());
    return 5;
  }
  MortalWal wal = std::move(*opened);
  Lsn last = wal.last_lsn();
  say(pipe, says_opened | last);
  std::vector<std::byte> payload;
  auto batch = Batch::with_capacity(batch_count);
  const std::uint64_t habit = random.below(4);  // how often it waits
  for (int i = 0; i < 300; ++i) {
    batch.clear();
    const bool durable = habit == 3 && random.below(2) == 0;
    do {
      fill(++last, payload);
      batch.add_with_meta(payload, meta_of(last));
    } while (!is_last_of_frame(last));
    const Result<Lsn> lsn = batch.size() == 1 ? (durable ? wal.append_durable_with_meta(payload, meta_of(last))
                                                         : wal.append_with_meta(payload, meta_of(last)))
                                              : (durable ? wal.append_batch_durable(batch) : wal.append_batch(batch));
    if (!lsn || *lsn != last) return 6;
    if (durable) {
      say(pipe, last);
    } else if (random.below(habit == 0 ? 40 : 4) == 0) {
      const Result<void> done = habit == 2 ? wal.wait_durable(last) : wal.flush();
      if (!done) return 7;
      say(pipe, last);
    }
  }
  if (!wal.shutdown()) return 8;
  say(pipe, last);
  return 0;
}

// ---- the parent --------------------------------------------------------------------------------------------------

/// What a child said and how it ended.
struct Testament {
  Lsn found = 0;  // at open
  bool opened = false;
  Lsn acknowledged = 0;
  int status = 0;
  [[nodiscard]] bool was_killed() const { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }
};

/// Runs a child; `after` kills it from outside that long after it has opened the log, or after it was born.
Testament run(const Life& life, std::optional<std::chrono::microseconds> after, bool from_birth) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const ::pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no child");
  if (child == 0) {
    ::close(ends[0]);
    ::alarm(120);                  // a hang is noticed by its signal
    ::_exit(live(life, ends[1]));  // nothing of the parent's is to be destroyed
  }
  ::close(ends[1]);
  Testament testament;
  const auto born = std::chrono::steady_clock::now();
  std::optional<std::chrono::steady_clock::time_point> deadline;
  if (after && from_birth) deadline = born + *after;
  for (;;) {
    ::pollfd ready{ends[0], POLLIN, 0};
    if (deadline && std::chrono::steady_clock::now() >= *deadline) {
      ::kill(child, SIGKILL);
      deadline.reset();
    }
    // Milliseconds are too coarse to be killed at: near the deadline it spins.
    const int wait = !deadline ? 1000
                               : static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                      *deadline - std::chrono::steady_clock::now())
                                                      .count());
    if (::poll(&ready, 1, (std::max)(0, wait)) <= 0) continue;
    Lsn said = 0;
    const auto got = ::read(ends[0], &said, sizeof said);
    if (got != static_cast<::ssize_t>(sizeof said)) break;
    if ((said & says_opened) != 0) {
      testament.opened = true;
      testament.found = said & ~says_opened;
      if (after && !from_birth) deadline = std::chrono::steady_clock::now() + *after;
    } else {
      testament.acknowledged = said;
    }
  }
  ::close(ends[0]);
  while (::waitpid(child, &testament.status, 0) < 0) {
  }
  return testament;
}

/// What is wrong with the log at `path`, of which everything up to `acknowledged` must be there; nothing where it is
/// right. `last` becomes its last LSN.
std::string judge(const std::string& path, Lsn acknowledged, Lsn& last) {
  std::ostringstream wrong;
  auto wal = rewal::Wal<>::open(path).build();
  if (!wal) return "it does not open: " + std::string(wal.error().message());
  last = wal->last_lsn();
  if (last < acknowledged) wrong << "acknowledged " << acknowledged << ", found " << last << "; ";
  if (last != 0 && !is_last_of_frame(last)) wrong << "half a batch at " << last << "; ";
  Lsn due = 1;
  std::vector<std::byte> expected;
  const auto read = wal->replay(0, [&](const BorrowedEvent& event) {
    if (event.lsn != due) {
      wrong << "event " << event.lsn << " where " << due << " is due; ";
      return false;
    }
    ++due;
    if (!is_right(event, expected)) wrong << "event " << event.lsn << " has another content; ";
    return true;
  });
  if (!read) wrong << "it cannot be read: " << read.error().message() << "; ";
  if (due != last + 1) wrong << "last_lsn is " << last << ", but " << due - 1 << " events were read; ";
  if (wal->recovery().gaps != 0 || wal->recovery().inversions != 0) wrong << "gaps or inversions; ";
  if (const auto end = wal->shutdown(); !end) wrong << "it does not shut down: " << end.error().message();
  return wrong.str();
}

/// Bytes that a machine's crash could leave behind the end, so that opening has something to cut: garbage, and behind
/// it a whole frame, which must be saved first.
void damage(const std::string& path, std::uint64_t how) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "ab"), &std::fclose);
  if (file == nullptr) return;
  const std::vector<char> garbage(37 + how % 900, 'x');
  std::fwrite(garbage.data(), 1, garbage.size(), file.get());
  if (how % 2 == 0) return;
  const rewal::MemoryStorage disk;
  auto wal = rewal::Wal<>::open("other").storage(disk).build().value();
  static_cast<void>(wal.append("a frame of another log"));
  static_cast<void>(wal.shutdown());
  std::fwrite(disk.bytes().data(), 1, disk.bytes().size(), file.get());
}

/// What came of it. Plain, so that it goes through a pipe.
struct Tally {
  std::uint64_t kills = 0;
  std::uint64_t in_open = 0;     // before the log was open
  std::uint64_t at_a_point = 0;  // with a call named at which to die
  std::uint64_t violations = 0;
  char first[400] = {};  // what was wrong first

  void add(const Tally& other) {
    if (violations == 0) std::memcpy(first, other.first, sizeof first);
    kills += other.kills;
    in_open += other.in_open;
    at_a_point += other.at_a_point;
    violations += other.violations;
  }
  void tell(Row& row) const {
    row.count = kills;
    row.violations = violations;
    row.note("in_open", in_open);
    row.note("at_a_point", at_a_point);
  }
};

/// Lives and deaths of logs in one directory: a log goes on until it is large, then the next begins.
class Graveyard {
 public:
  explicit Graveyard(std::uint64_t from_seed) : random_(from_seed) {}

  /// One life: works, is killed, is judged.
  void one() {
    Life life;
    life.path = dir_.file("log" + std::to_string(log_));
    life.seed = random_.next();
    life.real_syncs = random_.below(8) == 0;
    std::optional<std::chrono::microseconds> after;
    bool from_birth = false;
    const bool labelled = random_.below(3) != 0;
    if (labelled) {
      life.death.kind = static_cast<Death::Kind>(random_.below(Death::kinds));
      life.death.when = static_cast<Death::When>(random_.below(3));
      const bool rare =
          life.death.kind != Death::write && life.death.kind != Death::any && life.death.kind != Death::sync;
      life.death.k = 1 + random_.below(rare ? 3 : random_.below(2) == 0 ? 12 : 200);
    }
    if (!labelled || random_.below(4) != 0) {
      from_birth = random_.below(4) == 0;  // may strike while the log is being opened
      after = std::chrono::microseconds(random_.below(from_birth ? 3000 : 4000));
    }
    if (found_ > 0 && random_.below(8) == 0) damage(life.path, random_.next());  // of an empty log it would be foreign

    const Testament testament = run(life, after, from_birth);
    acknowledged_ = (std::max)(acknowledged_, testament.acknowledged);
    std::string wrong;
    if (!testament.was_killed() && !(WIFEXITED(testament.status) && WEXITSTATUS(testament.status) == 0)) {
      wrong = WIFEXITED(testament.status)
                  ? "the child gave up with " + std::to_string(WEXITSTATUS(testament.status)) + "; "
                  : "the child died of signal " + std::to_string(WTERMSIG(testament.status)) + "; ";
    }
    if (testament.opened && testament.found < found_) wrong += "the child found less than was there before; ";
    const bool killed = testament.was_killed();
    tally.kills += killed;
    tally.in_open += killed && !testament.opened;
    tally.at_a_point += killed && labelled;
    // Some logs are opened again by the next child alone: then that child's recovery meets what this one left.
    if (random_.below(3) != 0 || testament.acknowledged == 0) {
      wrong += judge(life.path, acknowledged_, found_);
      acknowledged_ = (std::max)(acknowledged_, found_);  // it was read: so it must stay
      if (++lives_ % 16 == 0 || found_ > 4000) {
        std::filesystem::remove(life.path);
        ++log_;
        found_ = acknowledged_ = 0;
      }
    }
    if (!wrong.empty() && tally.violations++ == 0) {
      std::ostringstream text;
      text << "life of seed " << life.seed << ", killed at call " << life.death.k << " of kind " << life.death.kind
           << ": " << wrong;
      std::snprintf(tally.first, sizeof tally.first, "%s", text.str().c_str());
    }
  }

  Tally tally;

 private:
  rewal_test::TempDir dir_;
  Random random_;
  std::uint64_t log_ = 0;
  std::uint64_t lives_ = 0;
  Lsn acknowledged_ = 0;  // of the present log
  Lsn found_ = 0;         // when it was last opened
};

/// The tally of several graveyards side by side, each in a process of its own, for as long as there is time.
Tally side_by_side(std::uint64_t count, std::uint64_t from_seed, const Budget& budget) {
  std::vector<std::pair<::pid_t, int>> diggers;
  for (std::uint64_t i = 0; i < count; ++i) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    const ::pid_t digger = ::fork();
    if (digger < 0) throw std::runtime_error("no process");
    if (digger == 0) {
      int status = 1;
      {
        Graveyard graveyard(from_seed + 1000 * i);
        while (budget.left() && graveyard.tally.violations == 0) graveyard.one();
        if (::write(ends[1], &graveyard.tally, sizeof(Tally)) == static_cast<::ssize_t>(sizeof(Tally))) status = 0;
      }
      ::_exit(status);
    }
    ::close(ends[1]);
    diggers.emplace_back(digger, ends[0]);
  }
  Tally all;
  for (const auto& [digger, end] : diggers) {
    Tally one;
    const bool told =
        ::read(end, &one, sizeof one) == static_cast<::ssize_t>(sizeof one);  // smaller than a pipe's buffer
    ::close(end);
    int status = 0;
    while (::waitpid(digger, &status, 0) < 0) {
    }
    if (!told || status != 0) throw std::runtime_error("a graveyard's process failed");
    all.add(one);
  }
  return all;
}

}  // namespace

TEST_CASE("a process killed at any instant loses nothing that was acknowledged") {
  Row row("G20", "processes killed at random and at each kind of system call", "kills");
  Graveyard graveyard(seed());
  const Tally& tally = graveyard.tally;
  for (int i = 0; i < 1000 && tally.kills < 120 / thinning; ++i) graveyard.one();
  tally.tell(row);
  CHECK(std::string(tally.first) == "");
  CHECK(tally.kills >= 120 / thinning);
  CHECK(tally.at_a_point > 0);
}

TEST_CASE("killed at each call in turn while a damaged log is opened, the next opening finds the same") {
  // Deterministic: the k-th call of opening, before, halfway and after, until opening survives.
  Row row("G20", "kills at every call of opening and recovery", "kills");
  std::string first;
  std::uint64_t survived = 0;
  for (const std::uint64_t how : {500u, 501u}) {  // without and with a frame to be saved
    for (const auto when : {Death::before, Death::halfway, Death::after}) {
      for (std::uint64_t k = 1; k < 40; k += when == Death::before ? 1 : thinning) {
        const rewal_test::TempDir dir;
        const std::string path = dir.file("log");
        const Testament writer = run({path, how, {}, false}, std::nullopt, false);
        Lsn last = writer.acknowledged;
        damage(path, how);
        const Testament opener = run({path, k, {Death::any, when, k}, false}, std::nullopt, false);
        const bool in_open = opener.was_killed() && !opener.opened;
        std::string wrong;
        if (writer.status != 0) wrong = "the first child failed; ";
        wrong += judge(path, (std::max)(last, opener.acknowledged), last);
        if (in_open && last != writer.acknowledged) wrong += "other events than before; ";
        if (how % 2 == 1) {
          const auto names = dir.names();
          if (std::none_of(names.begin(), names.end(),
                           [](const auto& name) { return name.find(".cut-") != std::string::npos; })) {
            wrong += "the frame that was cut is not saved; ";
          }
        }
        row.count += opener.was_killed();
        if (!wrong.empty() && row.violations++ == 0) first = "call " + std::to_string(k) + ": " + wrong;
        if (!in_open) {
          ++survived;
          break;
        }
      }
    }
  }
  CHECK(first == "");
  CHECK(survived == 6);  // each walk saw a clean run
  CHECK(row.count >= 20 / thinning);
}

TEST_CASE("kills for as long as there is time, at least 10,000", "[.torture]") {
  // Killing says nothing about the device, and where the files are in memory it goes ten times as fast.
  if (std::filesystem::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 0);
  const Budget budget;
  Row row("G20", "processes killed, the long run", "kills");
  const Tally tally =
      side_by_side(6, seed() + rewal_torture::number_from_environment("REWAL_TORTURE_SECONDS", 20), budget);
  tally.tell(row);
  if (tally.kills < 10'000) WARN("only " << tally.kills << " kills: give it more time");
  CHECK(std::string(tally.first) == "");
}

#endif  // REWAL_POSIX
