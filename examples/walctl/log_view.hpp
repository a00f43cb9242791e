// SPDX-License-Identifier: MIT
//
// LogView: one log as a command looks at it: its file, a Reader of it, and what the Reader's examination found.
// Used by one thread; several views of one file may be open. Nothing of the file is changed.
// What the findings mean for the exit code is said in exit_code.hpp.

#ifndef WALCTL_LOG_VIEW_HPP
#define WALCTL_LOG_VIEW_HPP

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

#include <rewal/reader.hpp>

#include <walctl/codec.hpp>
#include <walctl/exit_code.hpp>
#include <walctl/lock_holder.hpp>
#include <walctl/output.hpp>
#include <walctl/slice_storage.hpp>

namespace walctl {

using LogReader = std::remove_cvref_t<decltype(*rewal::Reader<>::open("").compressor(Codec()).build())>;

[[nodiscard]] inline std::string_view name_of(rewal::Verdict verdict) noexcept {
  switch (verdict) {
    case rewal::Verdict::new_log: return "new";
    case rewal::Verdict::clean: return "clean";
    case rewal::Verdict::torn: return "torn";
    case rewal::Verdict::damaged: return "damaged";
    case rewal::Verdict::foreign: return "foreign";
    case rewal::Verdict::unknown: return "unknown";
    case rewal::Verdict::malformed: return "malformed";
  }
  return "?";
}

class LogView {
 public:
  /// A large log is checked by so many threads, no more than the process may run on.
  static rewal::Result<LogView> open(const std::string& path, const Common& common, unsigned threads = 1) {
    auto file = OpenFile::open(path);
    if (!file) return file.error();
    auto reader = rewal::Reader<>::open(path).compressor(Codec(common.compressor)).build();
    if (!reader) return reader.error();
    LogView view(path, std::move(*file), std::move(*reader));
    if (auto done = view.examine(threads); !done) return done.error();
    return view;
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] LogReader& reader() noexcept { return reader_; }
  [[nodiscard]] const std::shared_ptr<const OpenFile>& file() const noexcept { return file_; }
  [[nodiscard]] const rewal::Examination& found() const noexcept { return found_; }
  /// Who has it open, where the system says so; 0 for a process of another container.
  [[nodiscard]] std::optional<long> holder() const noexcept { return holder_; }
  /// Whether the bad end is a frame that is being written.
  [[nodiscard]] bool is_live() const noexcept { return is_live_; }

  /// What the log is found to be; a live log ends where its last whole frame ends, which is clean.
  [[nodiscard]] std::string_view verdict() const noexcept { return is_live_ ? "clean" : name_of(found_.verdict); }
  [[nodiscard]] int code() const noexcept { return is_live_ ? int{exit_clean} : exit_of(found_.verdict); }
  /// Where the frames before the first bad one end.
  [[nodiscard]] std::uint64_t kept_end() const noexcept { return found_.kept_bytes; }
  /// Where everything ends that may hold a whole frame.
  [[nodiscard]] std::uint64_t whole_end() const noexcept {
    return found_.beyond.frames == 0 ? found_.kept_bytes : found_.file_bytes;
  }

 private:
  LogView(std::string path, std::shared_ptr<const OpenFile> file, LogReader reader)
      : path_(std::move(path)), file_(std::move(file)), reader_(std::move(reader)) {}

  [[nodiscard]] bool looks_bad() const noexcept {
    return found_.verdict == rewal::Verdict::torn || found_.verdict == rewal::Verdict::damaged;
  }

  /// A bad place that is gone or elsewhere when the file is read again was being written, and so is a torn frame at the
  /// end of a log that somebody has open: its opening would have cut what a crash had torn.
  [[nodiscard]] rewal::Result<void> examine(unsigned threads) {
    auto first = reader_.examine(threads);
    if (!first) return first.error();
    found_ = *first;
    holder_ = lock_holder(path_);
    for (int again = 0; again < 3 && looks_bad() && (holder_ || file_->is_fresh()); ++again) {
      if (holder_ && found_.verdict == rewal::Verdict::torn) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (auto refreshed = reader_.refresh(); !refreshed) return refreshed.error();
      auto next = reader_.examine(threads);
      if (!next) return next.error();
      const bool has_changed = next->verdict != found_.verdict || next->kept_bytes != found_.kept_bytes;
      found_ = *next;
      if (!has_changed) break;
      is_live_ = true;
    }
    is_live_ = found_.verdict == rewal::Verdict::torn && (is_live_ || holder_);
    return {};
  }

  std::string path_;
  std::shared_ptr<const OpenFile> file_;
  LogReader reader_;
  rewal::Examination found_{};
  std::optional<long> holder_;
  bool is_live_ = false;
};

}  // namespace walctl

#endif  // WALCTL_LOG_VIEW_HPP
