// SPDX-License-Identifier: MIT
//
// Opening and reading a storage as a log does it, without a log: recovery, then an iterator or a replay.

#ifndef REWAL_TESTS_SUPPORT_OPENING_HPP
#define REWAL_TESTS_SUPPORT_OPENING_HPP

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <rewal/format/event.hpp>
#include <rewal/options.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/read/iterator.hpp>
#include <rewal/read/replay.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/recovery/recovery.hpp>

#include <support/test_disk.hpp>

namespace rewal_test {

using namespace rewal;

/// What a log and its readers share, around `storage`.
template <class S, class C = NoCompressor>
std::shared_ptr<detail::SharedLog<S, C>> shared_log_of(S storage, C compressor = {},
                                                       std::uint64_t max_frame_bytes = std::uint64_t{1} << 30) {
  return std::make_shared<detail::SharedLog<S, C>>(std::move(storage), std::move(compressor), max_frame_bytes);
}

/// A storage that was opened, with what recovery said.
template <class S, class C = NoCompressor>
struct Opened {
  std::shared_ptr<detail::SharedLog<S, C>> shared;
  Result<detail::Recovered> result;

  [[nodiscard]] bool ok() const { return result.has_value(); }
  [[nodiscard]] const RecoveryReport& report() const { return result->report; }
  [[nodiscard]] detail::Iterator<S, C> iterator(Lsn from = 1) const { return {shared, from}; }
};

template <class S, class C = NoCompressor>
Opened<S, C> open(S storage, Recovery policy = Recovery::repair, Lsn start_lsn = 1, C compressor = {}) {
  auto shared = shared_log_of(std::move(storage), std::move(compressor));
  auto result = detail::recover(*shared, policy, start_lsn);
  if (result) shared->written_end.store(result->report.kept_bytes);
  return {std::move(shared), std::move(result)};
}

/// All events, or the error that ended the reading.
template <class Reader>
Result<std::vector<Event>> read_all(Reader reader) {
  std::vector<Event> events;
  for (;;) {
    auto event = reader.next();
    if (!event) return event.error();
    if (!*event) return events;
    events.push_back(std::move(**event));
  }
}

/// The image opened under `policy`, and the disk afterwards.
template <class Disk = MappedDisk>
struct Judged {
  Disk disk;
  Opened<Disk> opened;

  [[nodiscard]] bool ok() const { return opened.ok(); }
  [[nodiscard]] const Error& error() const { return opened.result.error(); }
  [[nodiscard]] const std::vector<std::byte>& content() const { return disk.state->content; }
  [[nodiscard]] const std::vector<std::string>& changes() const { return disk.state->changes; }
};

template <class Disk = MappedDisk>
Judged<Disk> judge_image(const std::vector<std::byte>& image, Recovery policy = Recovery::repair, Lsn start_lsn = 1) {
  Disk disk(image);
  auto opened = open(disk, policy, start_lsn);
  return {std::move(disk), std::move(opened)};
}

inline constexpr std::array policies{Recovery::repair, Recovery::truncate, Recovery::strict};

/// Refused with this code, and not one byte or call has changed anything.
template <class Disk>
void require_refused(const Judged<Disk>& judged, const std::vector<std::byte>& image, Errc code) {
  REQUIRE_FALSE(judged.ok());
  CHECK(judged.error() == code);
  CHECK(judged.content() == image);
  CHECK(judged.changes().empty());
}

/// A side that is written up to the end of `image`, without recovery looking at it first.
template <class Disk, class C = NoCompressor>
auto unchecked(const std::vector<std::byte>& image, C compressor = {}, std::uint64_t max_frame_bytes = 1 << 30) {
  auto shared = shared_log_of(Disk(image), std::move(compressor), max_frame_bytes);
  shared->written_end.store(image.size());
  return shared;
}

/// An iterator over such a shared log.
template <class Disk, class C = NoCompressor>
detail::Iterator<Disk, C> over(const std::vector<std::byte>& image, Lsn from = 0, C compressor = {},
                               std::uint64_t max_frame_bytes = 1 << 30) {
  return {unchecked<Disk>(image, std::move(compressor), max_frame_bytes), from};
}

inline std::vector<Lsn> lsns(const std::vector<Event>& events) {
  std::vector<Lsn> result;
  for (const auto& event : events) result.push_back(event.lsn);
  return result;
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_SUPPORT_OPENING_HPP
