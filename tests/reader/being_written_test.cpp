// SPDX-License-Identifier: MIT
//
// A log that goes on being written while it is looked at is never called damaged, whenever the bytes come.

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <rewal/reader.hpp>
#include <span>
#include <string>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/temp_dir.hpp>
#include <vector>

#include "../torture/report.hpp"

using namespace rewal_test;

namespace {

/// A preallocated log at the moments of its writing: each has more in it, the second ends within a frame.
struct Moments {
  Moments() {
    const Log log = Log()
                        .event("one")
                        .event(std::string(150'000, 'x'))
                        .event("three", "", synced_before)
                        .event("four", "", synced_before);
    const auto at = [&](std::size_t bytes) {
      Image image = cut(log.image, bytes);
      image.resize(log.image.size() + 200'000);
      return image;
    };
    images = {at(log.places[1].at), at(log.places[1].at + 100'000), at(log.places[2].at), at(log.places[3].at),
              at(log.image.size())};
  }
  std::vector<Image> images;
};

/// Shows one moment up to a number of reads, and a later one from then on.
class BeingWritten {
 public:
  BeingWritten(const Image& before, const Image& after, std::size_t reads)
      : before_(&before), after_(&after), left_(std::make_shared<std::size_t>(reads)) {}

  [[nodiscard]] Result<std::uint64_t> size() const { return before_->size(); }
  [[nodiscard]] Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const {
    const Image& image = *left_ == 0 ? *after_ : *before_;
    if (*left_ > 0) --*left_;
    if (offset >= image.size()) return std::size_t{0};
    const auto count = (std::min)(into.size(), image.size() - static_cast<std::size_t>(offset));
    std::memcpy(into.data(), image.data() + offset, count);
    return count;
  }
  [[nodiscard]] bool has_switched() const { return *left_ == 0; }

 private:
  const Image* before_;
  const Image* after_;
  std::shared_ptr<std::size_t> left_;
};

/// Calls `look(reader)` on each pair of moments with the change at each read, until there are no more reads.
void at_every_change(auto look) {
  const Moments moments;
  for (std::size_t from = 0; from < moments.images.size(); ++from) {
    for (std::size_t to = from + 1; to < moments.images.size(); ++to) {
      bool switched = true;
      for (std::size_t reads = 0; switched; ++reads) {
        const BeingWritten storage(moments.images[from], moments.images[to], reads);
        const auto reader = must(Reader<>::open("log").storage(storage).build());
        CAPTURE(from, to, reads);
        look(reader);
        switched = storage.has_switched();
      }
    }
  }
}

}  // namespace

TEST_CASE("an examination never calls a log damaged whose frames come while it looks", "[figures]") {
  rewal_torture::Row row("G27", "examinations beside a writer, at every read", "examinations");
  at_every_change([&](const auto& reader) {
    const Examination seen = must(reader.examine());
    const bool true_to_the_log = (seen.verdict == Verdict::clean || seen.verdict == Verdict::torn) && !seen.proof_at &&
                                 seen.beyond.frames == 0 && seen.gaps == 0 && seen.last_lsn == seen.events;
    ++row.count;
    if (!true_to_the_log) ++row.violations;
    CHECK(true_to_the_log);
  });
}

TEST_CASE("frames() of a log that is being written shows no damage before a whole frame") {
  at_every_change([](const auto& reader) {
    bool is_bad = false;
    Lsn last = 0;
    for (const auto& frame : reader.frames()) {
      REQUIRE(frame);
      CHECK_FALSE(is_bad);
      is_bad = frame->validity != FrameValidity::valid;
      if (!is_bad) CHECK(frame->first_lsn == last + 1);
      if (!is_bad) last = frame->last_lsn;
    }
  });
}

TEST_CASE("a salvage of a log that is being written leaves out at most the frame that is being written") {
  at_every_change([](const auto& reader) {
    const TempDir dir;
    const Salvage salvage = must(reader.salvage_to(dir.file("copy")));
    CHECK(salvage.frames == salvage.last_lsn);
    CHECK(salvage.left_out_bytes <= 150'100);
  });
}
