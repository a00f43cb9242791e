// SPDX-License-Identifier: MIT
//
// A log on the simulated disk, with the oracle looking on: workloads written as words of one letter a call, the points
// where a crash could strike, and the judgement of each image that it could leave.
// The test's thread drives it; the log's writer thread may come in between, so what both touch is under one mutex.

#ifndef REWAL_TESTS_TORTURE_SIM_LOG_HPP
#define REWAL_TESTS_TORTURE_SIM_LOG_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rewal/wal.hpp>

#include <torture/oracle.hpp>
#include <torture/report.hpp>
#include <torture/sim_disk.hpp>

namespace rewal_torture {

/// What a crash at one moment meets.
struct CrashPoint {
  DiskState disk;
  History history;
  std::string after;  // the last operation
};

/// One way of using the log. `calls` are letters:
///   a append 20 bytes      m append 300 bytes and meta    B append 1300 bytes     b append_batch of 3
///   d append_durable       D append_batch_durable of 3    w wait_durable of all   f flush    s sync
///   r shutdown and reopen  c close (no drain) and reopen  z append 700 bytes, nearly all of them zero
///   L append 5000 bytes, more than the whole queue holds
struct Workload {
  std::string calls;
  rewal::SyncMode mode = rewal::SyncMode::never;
  std::uint64_t preallocate = 0;

  [[nodiscard]] std::string text() const {
    const auto kind = mode.kind();
    return calls + "," +
           (kind == rewal::SyncMode::Kind::never   ? "never"
            : kind == rewal::SyncMode::Kind::batch ? "batch"
                                                   : "interval") +
           "," + std::to_string(preallocate);
  }
  /// The reverse of text().
  static Workload from(const std::string& text) {
    Workload workload;
    const auto first = text.find(',');
    const auto second = text.find(',', first + 1);
    workload.calls = text.substr(0, first);
    const std::string mode = text.substr(first + 1, second - first - 1);
    if (mode == "batch") workload.mode = rewal::SyncMode::batch;
    if (mode == "interval") workload.mode = rewal::SyncMode::interval(std::chrono::milliseconds(1));
    workload.preallocate = std::stoull(text.substr(second + 1));
    return workload;
  }
};

inline Image made_bytes(std::uint64_t number, std::size_t size, bool zeros = false) {
  Image bytes(size);
  Random random(number * 977 + size);
  for (std::size_t i = 0; i < size; ++i) {
    if (!zeros || i < 8) bytes[i] = static_cast<std::byte>(random.next());
  }
  return bytes;
}

inline rewal::Bytes bytes_of(const Image& image) { return image; }

/// All events that the log reads back, and how the reading ended.
template <class Wal>
rewal::Result<std::vector<Appended>> read_back(const Wal& wal) {
  std::vector<Appended> events;
  const auto read = wal.replay(0, [&](const rewal::BorrowedEvent& event) {
    Appended copy{event.lsn, Image(event.payload.begin(), event.payload.end()), {}};
    if (event.meta) copy.meta.assign(event.meta->begin(), event.meta->end());
    events.push_back(std::move(copy));
  });
  if (!read) return read.error();
  return events;
}

template <class S>
rewal::Result<rewal::Wal<S>> open_log(const std::shared_ptr<SimVolume>& volume, const Workload& how = {},
                                      rewal::Recovery policy = rewal::Recovery::repair) {
  auto storage = open_sim<S>(volume);
  if (!storage) return storage.error();
  return rewal::Wal<>::open(log_name)
      .sync_mode(how.mode)
      .preallocate(how.preallocate)
      .queue_bytes(4096)
      .recovery(policy)
      .storage(std::move(*storage))
      .build();
}

/// Drives a log through a workload and notes each point where a crash could strike.
template <class S>
class SimLog {
 public:
  using Wal = rewal::Wal<S>;

  explicit SimLog(Workload workload, std::shared_ptr<SimVolume> volume = std::make_shared<SimVolume>())
      : workload_(std::move(workload)), volume_(std::move(volume)) {
    volume_->before_operation = [this](const SimVolume& machine, const Op&) { note(machine); };
  }
  ~SimLog() {
    wal_ = Wal();
    const std::lock_guard lock(volume_->mutex);
    volume_->before_operation = nullptr;
  }
  SimLog(const SimLog&) = delete;
  SimLog& operator=(const SimLog&) = delete;

  /// All the calls, then a shutdown. Stops where the log refuses to open.
  void run() {
    open();
    for (const char call : workload_.calls) {
      if (opened_) perform(call);
    }
    finish();
  }
  void finish() {
    if (opened_) check("shutdown", wal_.shutdown());
    if (opened_ && !failed_) acknowledge(history_.last());
    if (failed_ && opened_ && wal_.durable_lsn() != durable_at_failure_) complain("durable_lsn moved after an error");
    wal_ = Wal();
    opened_ = false;
    const std::lock_guard lock(volume_->mutex);
    note(*volume_);
  }

  /// After an error nobody opens the log again: what the page cache then shows is no longer what the disk has.
  void open_again() {
    if (failed_) return finish();
    wal_ = Wal();
    open();
  }

  void open() {
    auto opened = open_log<S>(volume_, workload_);
    check("build", opened);
    opened_ = opened.has_value();
    if (!opened_) return;
    wal_ = std::move(*opened);
    const std::lock_guard lock(mutex_);
    history_.reopened(wal_.last_lsn());
    if (wal_.durable_lsn() != wal_.last_lsn()) complain("durable_lsn is not last_lsn after build");
  }

  void perform(char call) {
    switch (call) {
      case 'a': return append(one(20), false);
      case 'm': return append({{fresh(300), fresh(40)}}, false);
      case 'B': return append(one(1300), false);
      case 'z': return append({{fresh(700, true), {}}}, false);
      case 'L': return append(one(5000), false);
      case 'b': return append(three(), false);
      case 'd': return append(one(30), true);
      case 'D': return append(three(), true);
      case 'w': {
        const auto last = history_.last();
        const bool durable_already = last <= wal_.durable_lsn();  // success in every state
        const auto done = wal_.wait_durable(last);
        if (!durable_already || !done) check("wait_durable", done);
        if (done) acknowledge(last);
        return;
      }
      case 'f': {
        const auto last = history_.last();
        const auto done = wal_.flush();
        check("flush", done);
        if (!done) return;
        if (wal_.last_lsn() < last) complain("flush returned before everything was written");
        if (workload_.mode.kind() == rewal::SyncMode::Kind::batch) acknowledge(last);
        return;
      }
      case 's': {
        const auto written = wal_.last_lsn();
        const auto done = wal_.sync();
        check("sync", done);
        if (done) acknowledge(written);
        return;
      }
      case 'r': {
        check("shutdown", wal_.shutdown());
        check("shutdown", wal_.shutdown());  // the same answer each time
        if (!failed_) acknowledge(history_.last());
        return open_again();
      }
      case 'c': {
        const auto closed = wal_.close();
        if (closed) return open_again();
        check("close", closed);
        opened_ = false;  // and a shutdown would say that it is closed
        return;
      }
      default: complain(std::string("no call is written ") + call);
    }
  }

  [[nodiscard]] Wal& wal() { return wal_; }
  [[nodiscard]] const std::shared_ptr<SimVolume>& volume() const { return volume_; }
  [[nodiscard]] const std::vector<CrashPoint>& points() const { return points_; }
  [[nodiscard]] const History& history() const { return history_; }
  [[nodiscard]] bool is_open() const { return opened_; }
  /// The first call that failed.
  [[nodiscard]] const std::optional<rewal::Error>& failure() const { return failed_; }
  /// What the log did wrong while it ran.
  [[nodiscard]] std::string complaint() const { return complaint_.empty() ? history_.complaint() : complaint_; }
  [[nodiscard]] std::uint64_t calls_failed() const { return calls_failed_; }

  void append(std::vector<std::pair<Image, Image>> records, bool durable) {
    const std::uint64_t due = history_.last() + records.size();
    auto batch = rewal::Batch::with_capacity(records.size());
    for (const auto& [payload, meta] : records) batch.add_with_meta(bytes_of(payload), bytes_of(meta));
    const bool single = records.size() == 1;
    const auto [payload, meta] = records.front();
    {
      const std::lock_guard lock(mutex_);  // before the append: the writer thread may be faster than its answer
      history_.appended(std::move(records), due);
    }
    const auto lsn = single    ? durable ? wal_.append_durable_with_meta(bytes_of(payload), bytes_of(meta))
                                         : wal_.append_with_meta(bytes_of(payload), bytes_of(meta))
                        : durable ? wal_.append_batch_durable(batch)
                               : wal_.append_batch(batch);
    const bool had_failed = failed_.has_value();
    check("append", lsn);
    if (!lsn) {
      // Refused, it takes no LSN. An append that failed while it waited may or may not be in the file.
      if (!durable || had_failed) {
        const std::lock_guard lock(mutex_);
        history_.refused(batch.size());
      }
      return;
    }
    if (*lsn != due) complain("append returned LSN " + std::to_string(*lsn) + " instead of " + std::to_string(due));
    if (durable) acknowledge(due);
  }
  /// The disk holds these events already, all of them durable; payloads made from now on are numbered from `made` on.
  void adopt(std::vector<Appended> events, std::uint64_t made) {
    made_ = made;
    for (auto& event : events) history_.appended({{std::move(event.payload), std::move(event.meta)}}, event.lsn);
    history_.acknowledged(history_.last());
  }
  void acknowledge(std::uint64_t lsn) {
    if (wal_.state() != rewal::State::init && wal_.durable_lsn() < lsn) complain("acknowledged beyond durable_lsn");
    const std::lock_guard lock(mutex_);
    history_.acknowledged(lsn);
  }

 private:
  /// Bytes that no other event has.
  Image fresh(std::size_t size, bool zeros = false) { return made_bytes(++made_, size, zeros); }
  std::vector<std::pair<Image, Image>> one(std::size_t size) { return {{fresh(size), {}}}; }
  std::vector<std::pair<Image, Image>> three() { return {{fresh(250), {}}, {Image(), fresh(5)}, {fresh(270), {}}}; }
  void complain(const std::string& what) {
    if (complaint_.empty()) complaint_ = what;
  }
  template <class R>
  void check(const char* call, const R& result) {
    if (result) {
      if (failed_) complain(std::string(call) + " succeeded after an error");
      return;
    }
    ++calls_failed_;
    if (!failed_) {
      failed_ = result.error();
      durable_at_failure_ = wal_.durable_lsn();
      if (!volume_->refuse) complain(std::string(call) + " failed: " + result.error().message());
    } else if (opened_ && (result.error().code() != failed_->code() || result.error().system() != failed_->system())) {
      complain(std::string(call) + " reported another error than the first: " + result.error().message());
    }
  }
  /// With the volume locked.
  void note(const SimVolume& machine) {
    const std::lock_guard lock(mutex_);
    const auto& operations = machine.operations();
    points_.push_back({machine.disk(), history_, operations.empty() ? "nothing" : name_of(operations.back().kind)});
  }

  Workload workload_;
  std::shared_ptr<SimVolume> volume_;
  Wal wal_;
  bool opened_ = false;
  std::uint64_t made_ = 0;
  std::uint64_t calls_failed_ = 0;
  std::optional<rewal::Error> failed_;
  rewal::Lsn durable_at_failure_ = 0;
  std::string complaint_;

  std::mutex mutex_;  // taken after the volume's
  History history_;
  std::vector<CrashPoint> points_;
};

/// What is wrong with how the log opens this image and goes on with it; empty if nothing is. `thorough` also goes on
/// appending to it and opens it under the other policies.
template <class S>
std::string judge_image(const Directory& image, const History& history, bool thorough) {
  const auto found = image.find(log_name);
  const Image raw = found == image.end() ? Image() : found->second;
  const Decoded decoded = decode_file(raw);
  if (auto wrong = history.judge(decoded.events); !wrong.empty()) return "on disk: " + wrong;

  const auto volume = std::make_shared<SimVolume>(image);
  auto opened = open_log<S>(volume);
  if (!opened) return "refused: " + opened.error().message();
  const auto events = read_back(*opened);
  if (!events) return "unreadable: " + events.error().message();
  if (auto wrong = history.judge(*events); !wrong.empty()) return wrong;
  if (*events != decoded.events) return "the log reads other events than the oracle";
  if (opened->last_lsn() != events->size()) return "last_lsn is wrong";
  if (opened->durable_lsn() != opened->last_lsn()) return "durable_lsn is not last_lsn";
  const auto report = opened->recovery();
  if (report.kept_bytes != decoded.end || report.cut_bytes != raw.size() - decoded.end) return "the report is wrong";
  {
    const std::lock_guard lock(volume->mutex);
    const Image kept(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(decoded.end));
    if (volume->visible(log_name) != kept) return "what build() left is not what it kept";
    if (!volume->is_durable(log_name)) return "what build() left is not durable";
    if (holds_a_frame(raw, decoded.end)) {
      const Image cut(raw.begin() + static_cast<std::ptrdiff_t>(decoded.end), raw.end());
      if (report.saved_copy.empty() || volume->visible(report.saved_copy) != cut)
        return "whole frames were cut unsaved";
      if (!volume->is_durable(report.saved_copy)) return "the saved copy is not durable";
    }
  }
  if (!thorough) return {};

  History after = history;
  after.reopened(events->size());
  const Image payload = made_bytes(hash_of(raw), 333);
  after.appended({{payload, {}}}, after.last() + 1);
  if (const auto lsn = opened->append_durable(bytes_of(payload)); !lsn || *lsn != after.last())
    return "going on failed";
  after.acknowledged(after.last());
  if (!opened->shutdown()) return "shutting down failed";
  auto again = open_log<S>(volume);
  if (!again) return "refused after going on: " + again.error().message();
  const auto reread = read_back(*again);
  if (!reread) return "unreadable after going on";
  if (auto wrong = after.judge(*reread); !wrong.empty()) return "after going on: " + wrong;
  if (again->recovery().cut_bytes != 0) return "a clean log was cut";

  const auto strict_volume = std::make_shared<SimVolume>(image);
  auto strict = open_log<S>(strict_volume, {}, rewal::Recovery::strict);
  if (strict) {
    const auto same = read_back(*strict);
    if (!same || *same != decoded.events) return "strict reads other events";
  } else {
    const std::lock_guard lock(strict_volume->mutex);
    if (strict.error() != rewal::Errc::corrupted) return "strict refused: " + strict.error().message();
    if (found != image.end() && strict_volume->visible(log_name) != raw) return "strict changed what it refused";
  }
  auto truncating = open_log<S>(std::make_shared<SimVolume>(image), {}, rewal::Recovery::truncate);
  if (!truncating || truncating->last_lsn() != decoded.events.size()) return "Recovery::truncate found something else";
  return {};
}

/// Bit 1 says that everything before its frame was durable when the frame was written: never without, always with.
inline std::string judge_marks(const SimVolume& volume) {
  const auto content = volume.visible(log_name);
  if (!content) return {};
  for (const DecodedFrame& frame : decode_file(*content).frames) {
    const Op* first = nullptr;
    bool begins_write = false;
    for (const Op& op : volume.operations()) {
      // The last one wins: what an earlier life wrote there was cut.
      if (op.kind != OpKind::write || op.name != log_name) continue;
      if (op.offset <= frame.at && frame.at < op.offset + op.size) {
        first = &op;
        begins_write = op.offset == frame.at;
      }
    }
    if (first == nullptr) continue;
    const bool all_durable = first->durable >= frame.at;
    const std::string at = " at offset " + std::to_string(frame.at);
    if (frame.synced_before && (frame.at == 0 || !all_durable)) return "bit 1 without proof" + at;
    if (!frame.synced_before && begins_write && frame.at > 0 && all_durable) return "bit 1 is missing" + at;
  }
  return {};
}

/// Keeps what a failing image needs to be looked at, and says how to make it again.
inline std::string replay_advice(const Workload& workload, const CrashPoint& point, const Directory& image,
                                 const std::string& wrong) {
  const auto path = std::filesystem::temp_directory_path() / "rewal-torture-failing.wal";
  if (const auto log = image.find(log_name); log != image.end()) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(log->second.data()), static_cast<std::streamsize>(log->second.size()));
  }
  return wrong + "\n  workload " + workload.text() + ", crash after: " + point.after + ", acknowledged " +
         std::to_string(point.history.acknowledged()) + " of " + std::to_string(point.history.last()) + ", seed " +
         std::to_string(seed()) + "\n  image: " + path.string() +
         "\n  again: REWAL_TORTURE_SEED=" + std::to_string(seed()) + " REWAL_TORTURE_REPLAY=" + workload.text() +
         " rewal_test_torture \"[replay]\"";
}

struct Tried {
  std::uint64_t workloads = 0;
  std::uint64_t points = 0;
  std::uint64_t images = 0;
  std::uint64_t sampled_points = 0;  // where not all images were tried
  std::uint64_t violations = 0;
  std::string first;  // the first violation

  void violation(const std::string& what) {
    if (violations++ == 0) first = what;
  }
};

/// Runs the workload and judges every image of every crash point, or `most` samples of it.
template <class S>
void crash_everywhere(const Workload& workload, std::uint64_t most, Tried& tried) {
  SimLog<S> log(workload);
  log.run();
  ++tried.workloads;
  if (const auto wrong = log.complaint(); !wrong.empty()) tried.violation(wrong + "\n  workload " + workload.text());
  if (const auto wrong = judge_marks(*log.volume()); !wrong.empty()) {
    tried.violation(wrong + "\n  workload " + workload.text());
  }
  Random random(seed());
  std::unordered_set<std::uint64_t> judged;
  for (const CrashPoint& point : log.points()) {
    ++tried.points;
    CrashImages images(point.disk);
    const bool all = images.each(most, random, [&](const Directory& image) {
      std::uint64_t key = point.history.acknowledged() * 1'000'003 + point.history.last();
      for (const auto& [name, bytes] : image) key = hash_of(bytes, key + name.size());
      if (!judged.insert(key).second) return;
      const bool thorough = tried.images++ % 16 == 0;
      if (const auto wrong = judge_image<S>(image, point.history, thorough); !wrong.empty()) {
        tried.violation(replay_advice(workload, point, image, wrong));
      }
    });
    if (!all) ++tried.sampled_points;
  }
}

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_SIM_LOG_HPP
