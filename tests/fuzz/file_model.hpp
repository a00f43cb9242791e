// SPDX-License-Identifier: MIT
//
// FileModel: what must stand in a file, given the frames that a log has accepted, and what a reader must find in it.
// The file is decoded by the second judge.

#ifndef REWAL_TESTS_FUZZ_FILE_MODEL_HPP
#define REWAL_TESTS_FUZZ_FILE_MODEL_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "claim.hpp"
#include "compare.hpp"
#include "run_length.hpp"
#include "second_judge.hpp"

namespace rewal_fuzz {

/// A frame that a log has accepted.
struct ModelFrame {
  std::uint64_t first;
  std::uint32_t count;
  Image region;    // not compressed
  bool must_mark;  // all before it was fsynced when it was appended
  bool may_mark;   // or could have been
};

/// `C` is NoCompressor or RunLength.
template <class C>
class FileModel {
 public:
  static constexpr bool compresses = std::is_same_v<C, RunLength>;

  FileModel(C compressor, Inflate inflate) : compressor_(std::move(compressor)), inflate_(inflate) {}

  [[nodiscard]] C& compressor() { return compressor_; }

  /// The file is the first `count` of these frames, as the format says.
  void check(View file, const std::vector<ModelFrame>& frames, std::size_t count) {
    const SecondJudge judge(file);
    const Judgement& found = judge.judgement();
    claim(found.end == judge.file().size(), "the file ends with its last whole frame");
    claim_equal(found.frames.size(), count, "frames in the file");
    for (std::size_t i = 0; i < count; ++i) check_frame(judge, found.frames[i], frames[i]);
  }

  [[nodiscard]] ExpectedReading expected_from(const SecondJudge& judge, std::uint64_t from,
                                              std::size_t max_frame_bytes) const {
    if constexpr (compresses) {
      return expected_reading(judge, from, [&](View region) -> std::optional<Image> {
        auto made = expected_inflate(region, max_frame_bytes, inflate_);
        if (made && made->size() > max_frame_bytes) return std::nullopt;
        return made;
      });
    } else {
      return expected_reading(judge, from, nullptr);
    }
  }

 private:
  void check_frame(const SecondJudge& judge, const JudgedFrame& frame, const ModelFrame& expected) {
    const SecondHeader& header = frame.header;
    const View region = judge.region_of(frame);
    claim(header.first == expected.first && header.count == expected.count, "a frame has its LSNs");
    // A new log fsyncs its first sector unasked when it leaves it.
    const bool may_mark = expected.may_mark || (frame.at > 0 && frame.at <= 512);
    claim(header.synced_before() ? may_mark : !expected.must_mark, "flag bit 1 says that all before had been fsynced");
    Image packed;
    const bool shrinks = packs(expected.region, packed) && packed.size() < expected.region.size();
    claim(header.compressed() == shrinks, "a frame is stored compressed where that makes it smaller");
    claim(same(region, shrinks ? packed : expected.region), "a frame's records are those appended");
  }
  [[nodiscard]] bool packs([[maybe_unused]] View region, [[maybe_unused]] Image& packed) {
    if constexpr (compresses) {
      return compressor_.compress(region, packed).has_value();
    } else {
      return false;
    }
  }

  C compressor_;
  Inflate inflate_;
};

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_FILE_MODEL_HPP
