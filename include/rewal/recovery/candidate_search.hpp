// SPDX-License-Identifier: MIT
//
// CandidateSearch: finds places behind damage where a frame may begin, and says of each whether it is whole.
// Used by one thread. It reads only. What follows from what is found is left to the damage search and to who lists frames.
//
// COST. Linear: every byte is looked at for a magic. A candidate is checked in constant time, through the checksums of
// range_checksums.hpp where it is not small.
// MEMORY: those checksums, and one chunk where the storage does not map.

#ifndef REWAL_RECOVERY_CANDIDATE_SEARCH_HPP
#define REWAL_RECOVERY_CANDIDATE_SEARCH_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/format/format.hpp>
#include <rewal/format/magic.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/policy/policy_scope.hpp>
#include <rewal/read/source.hpp>
#include <rewal/recovery/range_checksums.hpp>

namespace rewal::detail {

/// A place that begins with the format's magic.
struct Candidate {
  std::uint64_t at = 0;
  format::Header header;
  bool is_whole = false;  ///< rules 1 and 2 of the format hold
};

template <class S>
class CandidateSearch {
 public:
  /// Of the bytes [begin, end).
  CandidateSearch(S& storage, const PolicyMarks* log, std::uint64_t begin, std::uint64_t end) noexcept
      : stream_(storage, log, end),
        probe_(storage, log, end, probe_chunk_bytes),
        checksums_(probe_, begin),
        end_(end) {}
  CandidateSearch(const CandidateSearch&) = delete;
  CandidateSearch& operator=(const CandidateSearch&) = delete;

  /// The first candidate at `at` or behind it; none at the end, or after a failure.
  [[nodiscard]] std::optional<Candidate> next(std::uint64_t at) noexcept {
    while (!failed_ && at < end_ && end_ - at >= format::frame_overhead) {
      const Bytes at_hand = stream_.at(at, format::header_bytes);
      if (at_hand.empty()) return fail();
      const Bytes bytes = at_hand.first((std::min)(at_hand.size(), window_bytes));
      // Only where a whole header is at hand; the last bytes come again with the next load.
      const Bytes searched = bytes.first(bytes.size() - format::header_bytes + sizeof format::magic);
      const std::size_t hit = find_magic(searched);
      if (hit == searched.size()) {
        at += bytes.size() - format::header_bytes + 1;
        const std::uint64_t data = stream_.next_data(at);  // a hole holds no magic
        at = (std::max)(at, data - (std::min)(data, std::uint64_t{sizeof format::magic}));
        continue;
      }
      Candidate candidate{at + hit, format::load_header(bytes.data() + hit), false};
      const auto whole = is_whole(candidate.at, candidate.header);
      if (!whole) return fail();
      candidate.is_whole = *whole;
      return candidate;
    }
    return std::nullopt;
  }

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  /// Why it failed.
  [[nodiscard]] Error error() const noexcept {
    if (probe_.failed()) return probe_.error();
    return stream_.failed() ? stream_.error() : not_enough_memory();
  }

  [[nodiscard]] Source<S>& stream() noexcept { return stream_; }
  [[nodiscard]] Source<S>& probe() noexcept { return probe_; }
  [[nodiscard]] RangeChecksums<S>& checksums() noexcept { return checksums_; }

 private:
  static constexpr std::size_t probe_chunk_bytes = 4 * 1024;
  static constexpr std::size_t window_bytes = 1024 * 1024;  // as often it is asked where a hole ends

  std::nullopt_t fail() noexcept {
    failed_ = true;
    return std::nullopt;
  }

  /// None after a failure.
  [[nodiscard]] std::optional<bool> is_whole(std::uint64_t at, const format::Header& header) noexcept {
    if (!format::plausible(header, end_ - at)) return false;
    const std::uint64_t trailer_at = at + header.size - format::trailer_bytes;
    const auto crc = checksums_.of(at, trailer_at);
    return crc ? checksums_.is_stored_at(trailer_at, *crc) : std::nullopt;
  }

  Source<S> stream_;  // for the way forward,
  Source<S> probe_;   // and for reads elsewhere, which would spoil the stream's buffer
  RangeChecksums<S> checksums_;
  std::uint64_t end_;
  bool failed_ = false;
};

}  // namespace rewal::detail

#endif  // REWAL_RECOVERY_CANDIDATE_SEARCH_HPP
