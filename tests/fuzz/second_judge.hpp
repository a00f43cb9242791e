// SPDX-License-Identifier: MIT
//
// The second judge: what opening a file must find, for any bytes. It is written from the description of the format and
// of recovery alone and includes nothing of the library, so that no mistake there can hide here too.
//
// All is exact but one question: whether a frame behind bad bytes proves that these had been fsynced. A damaged length
// or a payload that holds frames can leave that undecidable; then the judge says so, and both answers are right.
//   proof      a whole frame with flag bit 1 stands behind c, with a first LSN in (L, L + (o - c) / 6], outside every
//              frame, whole or bad, that could hold it in its payload
//   tear       no such frame stands there with an LSN above L at all, but in the payload of a frame that surely holds
//   it undecided  everything between

#ifndef REWAL_TESTS_FUZZ_SECOND_JUDGE_HPP
#define REWAL_TESTS_FUZZ_SECOND_JUDGE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "second_frame.hpp"

namespace rewal_fuzz {

enum class Kind : std::uint8_t { new_log, foreign, unknown, malformed, clean_end, damaged };
enum class Behind : std::uint8_t { tear, proof, undecided };

struct JudgedFrame {
  std::size_t at = 0;
  SecondHeader header;
  [[nodiscard]] std::size_t end() const { return at + static_cast<std::size_t>(header.size); }
};

struct Judgement {
  Kind kind = Kind::new_log;
  std::size_t end = 0;              // c: the log's own frames end here
  std::vector<JudgedFrame> frames;  // those before
  std::uint64_t events = 0;
  std::uint64_t gaps = 0;
  std::uint64_t inversions = 0;
  std::uint64_t last_lsn = 0;
  bool worth_saving = false;  // a frame with a right CRC stands behind c
  bool may_be_whole = false;  // by its own size the frame at c ends where the file does, zeros aside
  Behind behind = Behind::tear;
};

class SecondJudge {
 public:
  explicit SecondJudge(View file, std::uint64_t start_lsn = 1) : file_(file), start_lsn_(start_lsn), checksums_(file) {
    walk();
    judgement_.kind = kind();
    if (judgement_.kind == Kind::damaged) look_behind();
  }

  [[nodiscard]] const Judgement& judgement() const { return judgement_; }
  [[nodiscard]] View file() const { return file_; }
  [[nodiscard]] View region_of(const JudgedFrame& frame) const {
    return file_.subspan(frame.at + header_size, static_cast<std::size_t>(frame.header.size) - empty_frame_size);
  }
  /// What stands where the log's own frames end.
  [[nodiscard]] Standing standing_at_end() const { return at_end_; }

 private:
  void walk() {
    Judgement& found = judgement_;
    while ((at_end_ = standing_at(file_, checksums_, found.end)) == Standing::whole) {
      const JudgedFrame frame{found.end, header_at(file_, found.end)};
      if (!found.frames.empty() && frame.header.first != found.last_lsn + 1) {
        ++(frame.header.first > found.last_lsn ? found.gaps : found.inversions);
      }
      found.last_lsn = (std::max)(found.last_lsn, frame.header.last());
      found.events += frame.header.count;
      found.frames.push_back(frame);
      found.end = frame.end();
    }
  }

  [[nodiscard]] Kind kind() const {
    const auto zero = [](View bytes) {
      const Image zeros(bytes.size());
      return bytes.empty() || std::memcmp(bytes.data(), zeros.data(), bytes.size()) == 0;
    };
    if (zero(file_)) return Kind::new_log;
    if (starts_foreign(zero)) return Kind::foreign;
    if (at_end_ == Standing::unknown) return Kind::unknown;
    if (at_end_ == Standing::malformed) return Kind::malformed;
    return zero(file_.subspan(judgement_.end)) ? Kind::clean_end : Kind::damaged;
  }

  template <class Zero>
  [[nodiscard]] bool starts_foreign(const Zero& zero) const {
    static constexpr unsigned char ours[] = {'E', 'W', 'A', 'L', 2, 0, 0, 0};
    const std::size_t size = (std::min)(file_.size(), sizeof ours);
    if (zero(file_.first(size))) return true;  // something else follows: the file is not all zero
    for (std::size_t i = 0; i < size; ++i) {
      const auto byte = std::to_integer<unsigned>(file_[i]);
      if (i == 6 ? byte > 3 : byte != ours[i]) return true;
    }
    return false;
  }

  // ---- behind bad bytes --------------------------------------------------------------------------------------------

  /// A frame at `at` ends here: at `least` for sure, and at `most` at the latest.
  struct Extent {
    std::size_t least;
    std::size_t most;
  };

  void look_behind() {
    const std::size_t c = judgement_.end;
    for (std::size_t at = c + 1; at < file_.size() && file_.size() - at >= empty_frame_size; ++at) {
      if (file_[at] != std::byte{'E'}) continue;
      const Standing standing = standing_at(file_, checksums_, at);
      if (standing == Standing::torn) continue;
      const SecondHeader header = header_at(file_, at);
      whole_.push_back(
          {{at, header}, standing == Standing::whole && header.synced_before() && header.first > lowest_l()});
    }
    judgement_.worth_saving = !whole_.empty();
    judgement_.may_be_whole = bad_frame_may_be_whole(c);
    judgement_.behind = weigh();
  }

  [[nodiscard]] bool bad_frame_may_be_whole(std::size_t c) const {
    if (file_.size() - c < empty_frame_size || !header_at(file_, c).letters) return false;
    const std::uint64_t size = header_at(file_, c).size;
    if (size < empty_frame_size || size > file_.size() - c) return false;
    for (const std::byte byte : file_.subspan(c + static_cast<std::size_t>(size))) {
      if (byte != std::byte{0}) return false;
    }
    return true;
  }

  /// L, or the lowest that it may be where nothing stands before c.
  [[nodiscard]] std::uint64_t lowest_l() const {
    if (judgement_.end > 0) return judgement_.last_lsn;
    const std::uint64_t said = file_.size() >= header_size ? header_at(file_, 0).first : 0;
    return said == 0 ? start_lsn_ - 1 : (std::min)(start_lsn_, said) - 1;
  }

  [[nodiscard]] Behind weigh() const {
    const std::size_t c = judgement_.end;
    if (!may_prove(c, file_.size())) return Behind::tear;
    const std::uint64_t l = c == 0 ? start_lsn_ - 1 : judgement_.last_lsn;
    const SecondHeader bad = header_at(file_, c);
    const bool next_in_line = bad.first == l + 1 || (c == 0 && bad.first >= 1);
    const bool own = bad.letters && bad.version == 2 && next_in_line;
    Extent extent{c + 1, c + 1};
    if (own) {
      extent = extent_of(c, bad);
      if (bad.first != l + 1) extent.least = c + 1;
    } else if (next_in_line && bad.fits_in(file_.size() - c)) {
      extent.most = c + static_cast<std::size_t>(bad.size);
    }
    // Where it is unknown how far the bad frame goes, so is what lies behind it, unless nothing lies between: no whole
    // frame, and none of the log's own, which may hold what follows.
    if (extent.least != extent.most && (any_whole(extent.least, extent.most) || seems_frame(extent.least))) {
      return Behind::undecided;
    }
    // Nor where a frame that it seems to hold goes on behind it.
    if (any_whole_over(c, extent.most)) return may_prove(extent.most, file_.size()) ? Behind::undecided : Behind::tear;
    if (!may_prove(extent.most, file_.size())) return Behind::tear;
    return follow(extent.most, own, l);
  }

  /// Goes from whole frame to whole frame behind the bad one; what lies inside a whole frame proves nothing.
  [[nodiscard]] Behind follow(std::size_t at, bool own, std::uint64_t l) const {
    const std::size_t c = judgement_.end;
    bool doubtful = false;
    for (std::size_t i = 0; i < whole_.size(); ++i) {
      const Whole& frame = whole_[i];
      if (frame.at < at) continue;
      // Not whole where the log's next frame should begin: it may hold what follows, and so may one behind it.
      while (own && frame.at > at && seems_frame(at)) {
        const std::size_t end = extent_of(at, header_at(file_, at)).most;
        if (any_whole(at, end)) {
          return may_prove(at, file_.size()) ? Behind::undecided : doubtful ? Behind::undecided : Behind::tear;
        }
        at = end;
      }
      if (frame.may_prove) {
        if (frame.header.first > l && frame.header.first - l <= (frame.at - c) / record_header_size)
          return Behind::proof;
        doubtful = true;
      }
      at = frame.end();
    }
    return doubtful ? Behind::undecided : Behind::tear;
  }

  [[nodiscard]] Extent extent_of(std::size_t at, const SecondHeader& header) const {
    const std::size_t left = file_.size() - at;
    const bool fits = header.fits_in(left);
    Extent extent{fits ? at + static_cast<std::size_t>(header.size) : at + 1, 0};
    extent.most = extent.least;
    const auto mended = [&](std::size_t end) {
      if (!has_right_crc(at, header, end)) return;
      extent.least = (std::min)(extent.least, end);
      extent.most = (std::max)(extent.most, end);
    };
    if (header.compressed()) {
      // Its records cannot be asked where it ends.
      if (header.size > left) extent.most = file_.size();
      for (const Whole& frame : whole_) {
        if (frame.at > at && frame.at < extent.most) mended(frame.at);
      }
      return extent;
    }
    const RecordsEnd records = records_end(file_, at + header_size, header.count);
    const std::uint64_t size = records.end - at + 4;
    if (records.in_file && records.end + 4 <= file_.size()) {
      mended(static_cast<std::size_t>(records.end + 4));
    } else if (header.size > left && (records.exact ? header.size == size : header.size >= size)) {
      return {file_.size(), file_.size()};  // torn by the end of the file
    }
    // Perhaps torn, with zeros behind, which read as records without bytes.
    if (header.size > left && file_.back() == std::byte{0}) extent.most = file_.size();
    return extent;
  }

  /// Whether the frame at `at` has a right CRC if it ends at `end` and says so.
  [[nodiscard]] bool has_right_crc(std::size_t at, const SecondHeader& header, std::size_t end) const {
    const std::size_t size = end - at;
    if (size == header.size || size < empty_frame_size || size > 0xFFFF'FFFF) return false;
    Image start(file_.begin() + static_cast<std::ptrdiff_t>(at),
                file_.begin() + static_cast<std::ptrdiff_t>(at + header_size));
    put_number(start, 20, size, 4);
    return checksums_.after(crc_register(crc_start, start), at + header_size, end - 4) == number_at(file_, end - 4, 4);
  }

  [[nodiscard]] bool seems_frame(std::size_t at) const {
    if (file_.size() - at < header_size) return false;
    const SecondHeader header = header_at(file_, at);
    return header.letters && header.version == 2;
  }

  [[nodiscard]] bool any_whole(std::size_t from, std::size_t to) const {
    return std::any_of(whole_.begin(), whole_.end(),
                       [&](const Whole& frame) { return frame.at >= from && frame.at < to; });
  }
  [[nodiscard]] bool any_whole_over(std::size_t from, std::size_t place) const {
    return std::any_of(whole_.begin(), whole_.end(),
                       [&](const Whole& frame) { return frame.at > from && frame.at < place && frame.end() > place; });
  }
  [[nodiscard]] bool may_prove(std::size_t from, std::size_t to) const {
    return std::any_of(whole_.begin(), whole_.end(),
                       [&](const Whole& frame) { return frame.may_prove && frame.at >= from && frame.at < to; });
  }

  struct Whole : JudgedFrame {
    bool may_prove = false;  // flag bit 1, well formed, an LSN above L
  };

  View file_;
  std::uint64_t start_lsn_;
  SecondChecksums checksums_;
  Standing at_end_ = Standing::torn;
  std::vector<Whole> whole_;  // every frame with a right CRC behind c, those inside others too
  Judgement judgement_;
};

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_SECOND_JUDGE_HPP
