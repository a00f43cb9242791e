// SPDX-License-Identifier: MIT
//
// RunLength: the toy compressor of the fuzz targets, pairs of a count from 1 to 255 and a byte, as in the golden file
// rust-rle.wal. What it is given decides whether it compresses, fails, throws or lies, so that the model of a target
// knows what it did. May be called from any thread.

#ifndef REWAL_TESTS_FUZZ_RUN_LENGTH_HPP
#define REWAL_TESTS_FUZZ_RUN_LENGTH_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>

#include "second_checksum.hpp"

namespace rewal_fuzz {

enum class Squeeze : std::uint8_t { shrinks, grows, fails, fails_half_way, throws, nothing };
enum class Inflate : std::uint8_t { honest, unbounded, fails, throws, one_byte_off, one_byte_more, one_byte_less };

inline void run_length_compress(View from, Image& to) {
  for (std::size_t at = 0; at < from.size();) {
    std::size_t run = 1;
    while (run < 255 && at + run < from.size() && from[at + run] == from[at]) ++run;
    to.push_back(static_cast<std::byte>(run));
    to.push_back(from[at]);
    at += run;
  }
}

/// None where `from` is not what the compressor makes, or stands for more than `most` bytes.
inline std::optional<Image> run_length_inflate(View from, std::size_t most) {
  Image to;
  if (from.size() % 2 != 0) return std::nullopt;
  for (std::size_t at = 0; at < from.size(); at += 2) {
    const auto run = std::to_integer<std::size_t>(from[at]);
    if (run == 0 || run > most - to.size()) return std::nullopt;
    to.insert(to.end(), run, from[at + 1]);
  }
  return to;
}

/// What decompression of `from` gives, whatever the compressor is told to do with it.
inline std::optional<Image> expected_inflate(View from, std::size_t most, Inflate how) {
  if (how == Inflate::fails || how == Inflate::throws) return std::nullopt;
  auto to = run_length_inflate(from, most);
  if (!to) return to;
  if (how == Inflate::one_byte_off && !to->empty()) to->back() ^= std::byte{1};
  if (how == Inflate::one_byte_more) to->push_back(std::byte{0});
  if (how == Inflate::one_byte_less && !to->empty()) to->pop_back();
  if (to->size() > most) return std::nullopt;
  return to;
}

class RunLength {
 public:
  explicit RunLength(Squeeze squeeze = Squeeze::shrinks, Inflate inflate = Inflate::honest)
      : squeeze_(squeeze), inflate_(inflate) {}

  rewal::Result<void> compress(rewal::Bytes from, std::vector<std::byte>& to) {
    switch (squeeze_) {
      case Squeeze::shrinks: run_length_compress(from, to); return {};
      case Squeeze::grows: to.insert(to.end(), 2 * from.size() + 1, std::byte{7}); return {};
      case Squeeze::fails: return rewal::Errc::crc_mismatch;
      case Squeeze::fails_half_way: to.insert(to.end(), 100, std::byte{9}); return rewal::Errc::crc_mismatch;
      case Squeeze::throws: throw std::runtime_error("compress");
      case Squeeze::nothing: return {};
    }
    return {};
  }

  /// What becomes of every append; none where it goes through.
  [[nodiscard]] std::optional<rewal::Errc> refusal() const {
    if (squeeze_ == Squeeze::throws) return rewal::Errc::invalid_record;
    if (squeeze_ == Squeeze::fails || squeeze_ == Squeeze::fails_half_way) return rewal::Errc::crc_mismatch;
    return std::nullopt;
  }

  rewal::Result<void> decompress(rewal::Bytes from, std::vector<std::byte>& to, std::size_t most) {
    if (inflate_ == Inflate::throws) throw std::runtime_error("decompress");
    constexpr std::size_t far_too_much = 1 << 20;
    auto made = inflate_ == Inflate::fails       ? std::nullopt
                : inflate_ == Inflate::unbounded ? run_length_inflate(from, far_too_much)
                                                 : expected_inflate(from, most, inflate_);
    if (!made) return rewal::Errc::crc_mismatch;
    to.insert(to.end(), made->begin(), made->end());
    return {};
  }

 private:
  Squeeze squeeze_;
  Inflate inflate_;
};

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_RUN_LENGTH_HPP
