// SPDX-License-Identifier: MIT
//
// Fuzzes opening and reading with logs that were right once: the input is a recipe of appends, batches, fsyncs, gaps
// and payloads that hold frames, then of damage. Beside the judge's verdict two promises are held against what was
// written:
//   no false refusal   what a crash can do to bytes that were never fsynced opens, and keeps all that was
//   no silent loss     one place damaged in a log whose later frame proves that it had been fsynced is refused

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "compare.hpp"
#include "made_log.hpp"
#include "public_log.hpp"
#include "recipe.hpp"

namespace {

using namespace rewal_fuzz;

class Growing {
 public:
  Growing(Recipe& recipe, std::uint64_t start_lsn) : log(start_lsn), recipe_(recipe) {}

  /// Seldom to more than one buffer of a reader, which is 64 KiB.
  void grow() {
    const std::size_t most = recipe_.once_in(8) ? 80'000 : 8'000;
    for (int steps = 0; steps < 60 && !recipe_.empty() && log.image.size() < most; ++steps) {
      switch (recipe_.byte() % 12) {
        case 0: return;
        case 1: log.sync(); break;
        case 2: batch(); break;
        case 3: gap(); break;
        case 4: back(); break;
        case 5: frames_in_payload(); break;
        case 6: compressed(); break;
        case 7: several(); break;
        default: event(); break;
      }
    }
  }

  MadeLog log;
  bool has_frames_in_payloads = false;
  bool has_jumps = false;
  bool has_compressed = false;

 private:
  void event() {
    Image region;
    record(region, recipe_.once_in(16) ? recipe_.below(3000) : recipe_.below(40));
    add(1, region, false);
  }
  void batch() {
    const std::size_t count = 1 + recipe_.below(6);
    Image region;
    for (std::size_t i = 0; i < count; ++i) record(region, recipe_.below(20));
    add(static_cast<std::uint32_t>(count), region, false);
  }
  void record(Image& region, std::size_t size) {
    const std::byte filling{recipe_.byte()};
    append_record(region, Image(size, filling), Image(std::to_integer<std::size_t>(filling) % 4 == 3 ? 5 : 0, filling));
  }
  void several() {
    const std::size_t count = 1 + recipe_.below(20);
    const std::size_t size = recipe_.below(900);
    for (std::size_t i = 0; i < count; ++i) {
      Image region;
      append_record(region, Image(size, std::byte{0x53}), {});
      add(1, region, false);
    }
  }
  void gap() {
    log.next_lsn += 1 + recipe_.below(300);
    has_jumps = has_jumps || !log.places.empty();
  }
  void back() {
    if (log.places.empty()) return;
    log.next_lsn -= (std::min<std::uint64_t>)(log.next_lsn - 1, recipe_.below(5));
    has_jumps = true;
  }
  void frames_in_payload() {
    MadeLog inner(log.next_lsn + recipe_.below(8));
    const std::size_t count = 1 + recipe_.below(5);
    const std::size_t synced = recipe_.below(4);
    for (std::size_t i = 0; i < count; ++i) {
      Image region;
      append_record(region, Image(recipe_.below(12), std::byte{0x49}), {});
      if (i >= synced) inner.sync();
      inner.add(1, region, false);
    }
    Image region;
    const std::size_t before = recipe_.below(10);
    Image payload(before, std::byte{0x50});
    append(payload, inner.image);
    append_record(region, payload, {});
    has_frames_in_payloads = true;
    add(1, region, false);
  }
  void compressed() {
    const std::size_t count = 1 + recipe_.below(600);
    const Image region(recipe_.below(40), std::byte{recipe_.byte()});
    has_compressed = true;
    add(static_cast<std::uint32_t>(count), region, true);
  }
  void add(std::uint32_t count, View region, bool is_compressed) {
    if (log.next_lsn > highest_lsn - 100'000) return;
    log.add(count, region, is_compressed);
  }

  Recipe& recipe_;
};

/// What is done to a log, and what a crash or one fault could have done.
class Damage {
 public:
  Damage(Recipe& recipe, const MadeLog& log) : file(log.image), recipe_(recipe), log_(log) {}

  void strike() {
    if (log_.places.empty()) return;
    for (std::size_t left = recipe_.below(4); left > 0; --left) {
      ++strikes;
      one();
    }
  }

  /// Whether all of it was done to bytes that no fsync had covered, in a way that a crash can.
  [[nodiscard]] bool is_a_crash() const { return crash_; }
  [[nodiscard]] bool only_cuts_and_zeros_behind() const { return only_cuts_; }
  /// Whether it is one bit, or zeros in one place, all in this frame.
  [[nodiscard]] const MadeLog::Place* one_fault_in() const { return strikes == 1 ? fault_in_ : nullptr; }
  [[nodiscard]] bool one_bit() const { return one_bit_; }

  Image file;
  std::size_t strikes = 0;

 private:
  [[nodiscard]] const MadeLog::Place& place() { return log_.places[recipe_.below(log_.places.size())]; }
  [[nodiscard]] std::size_t position() { return file.empty() ? 0 : recipe_.number(3) % file.size(); }

  void one() {
    switch (recipe_.byte() % 12) {
      case 0: flip(position()); break;
      case 1: cut(); break;
      case 2: zero(); break;
      case 3: file.resize(file.size() + recipe_.below(1200)); break;
      case 4:
        anything();
        append(file, recipe_.bytes(recipe_.below(60)));
        break;
      case 5: overwrite(); break;
      case 6: drop(); break;
      case 7: twice(); break;
      case 8: field(); break;
      case 9:
        field();
        reseal_frames();
        break;
      case 10: move(); break;
      default: flip(place().at + recipe_.below(34)); break;
    }
  }
  void anything() { crash_ = only_cuts_ = false; }
  void touched(std::size_t from, std::size_t to) {
    only_cuts_ = false;
    if (from < log_.synced_end) crash_ = false;
    for (const auto& frame : log_.places) {
      if (from >= frame.at && to <= frame.end()) fault_in_ = &frame;
    }
  }
  void flip(std::size_t at) {
    if (at >= file.size()) return;
    touched(at, at + 1);
    file[at] ^= std::byte{1} << static_cast<int>(recipe_.below(8));
    one_bit_ = true;
  }
  void cut() {
    const std::size_t at = position();
    if (at < log_.synced_end) crash_ = only_cuts_ = false;
    file.resize(at);
  }
  void zero() {
    if (file.empty()) return;
    const std::size_t at = position();
    const std::size_t size = (std::min)(1 + recipe_.below(600), file.size() - at);
    touched(at, at + size);
    std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(at), size, std::byte{0});
  }
  void overwrite() {
    anything();
    const View bytes = recipe_.bytes(recipe_.below(40));
    const std::size_t at = position();
    std::copy_n(bytes.begin(), (std::min)(bytes.size(), file.size() - at),
                file.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void drop() {
    anything();
    const auto& frame = place();
    if (frame.end() > file.size()) return;
    file.erase(file.begin() + static_cast<std::ptrdiff_t>(frame.at),
               file.begin() + static_cast<std::ptrdiff_t>(frame.end()));
  }
  void twice() {
    anything();
    const auto& frame = place();
    const auto& before = place();
    if (frame.end() > file.size() || before.at > file.size()) return;
    const Image copy = image_of(View(file).subspan(frame.at, frame.size));
    file.insert(file.begin() + static_cast<std::ptrdiff_t>(before.at), copy.begin(), copy.end());
  }
  void field() {
    anything();
    static constexpr std::size_t at[] = {4, 6, 8, 12, 20, 24, 28};
    static constexpr std::size_t bytes[] = {2, 2, 4, 8, 4, 4, 2};
    const auto& frame = place();
    const std::size_t which = recipe_.below(7);
    if (frame.at + at[which] + bytes[which] > file.size()) return;
    const std::uint64_t old = number_at(file, frame.at + at[which], bytes[which]);
    const std::uint64_t values[] = {0, 1, old + 1, old - 1, old + recipe_.byte(), ~std::uint64_t{0}, recipe_.number(2)};
    put_number(file, frame.at + at[which], values[recipe_.below(7)], bytes[which]);
  }
  void reseal_frames() {
    for (const auto& frame : log_.places) {
      if (frame.end() <= file.size()) reseal(file, frame.at, frame.size);
    }
  }
  void move() {
    anything();
    const std::size_t from = position();
    const std::size_t to = position();
    const Image bytes = image_of(View(file).subspan(from, (std::min)(recipe_.below(600), file.size() - from)));
    std::copy_n(bytes.begin(), (std::min)(bytes.size(), file.size() - to),
                file.begin() + static_cast<std::ptrdiff_t>(to));
  }

  Recipe& recipe_;
  const MadeLog& log_;
  bool crash_ = true;
  bool only_cuts_ = true;
  bool one_bit_ = false;
  const MadeLog::Place* fault_in_ = nullptr;
};

[[nodiscard]] bool intact(const Image& file, const MadeLog& log, const MadeLog::Place& place) {
  return place.end() <= file.size() &&
         same(View(file).subspan(place.at, place.size), View(log.image).subspan(place.at, place.size));
}

void hold_against_what_was_written(const Growing& grown, const Damage& damage, std::uint64_t start_lsn) {
  const MadeLog& log = grown.log;
  const SecondJudge judge(damage.file, start_lsn);
  const std::size_t kept = judge.judgement().end;
  // A torn frame that holds frames must be the log's next by its LSN, and what is there of it must be right.
  const bool crash = damage.is_a_crash() &&
                     (!grown.has_frames_in_payloads || (damage.only_cuts_and_zeros_behind() && !grown.has_jumps));
  // Parts of the first eight bytes with something behind them look like another program's file.
  const bool looks_like_a_log = kept > 0 || damage.strikes == 0 || damage.file.empty();
  if (crash && looks_like_a_log) {
    claim(kept >= log.synced_end, "what was fsynced is read");
    claim(compare_opening<MappedDisk>(judge, Recovery::repair, start_lsn), "what a crash explains opens");
  }
  const MadeLog::Place* const bad = damage.one_fault_in();
  const bool decidable =
      !grown.has_frames_in_payloads && !grown.has_jumps && (!grown.has_compressed || damage.one_bit());
  if (bad == nullptr || !decidable || intact(damage.file, log, *bad)) return;
  const bool proved = std::any_of(log.places.begin(), log.places.end(), [&](const MadeLog::Place& place) {
    return place.at > bad->at && (place.flags & 2) != 0 && intact(damage.file, log, place);
  });
  if (proved)
    claim(!compare_opening<MappedDisk>(judge, Recovery::repair, start_lsn), "damage that is proved is refused");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Recipe recipe(data, size);
  const std::uint8_t choice = recipe.byte();
  const std::uint64_t starts[] = {1, 2, 1000, highest_lsn - 200'000};
  const std::uint64_t start_lsn = starts[choice % 4];
  Growing grown(recipe, start_lsn);
  grown.grow();
  Damage damage(recipe, grown.log);
  damage.strike();
  const SecondJudge judge(damage.file, start_lsn);
  compare_all_openings(judge, start_lsn, start_lsn + choice / 4);
  hold_against_what_was_written(grown, damage, start_lsn);
  if (choice % 16 == 0) compare_public_log(judge, policies[choice / 16 % 3], start_lsn);
  return 0;
}
