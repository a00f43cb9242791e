// SPDX-License-Identifier: MIT
//
// What events a test appended to a real file, and what is wrong with the file afterwards.

#ifndef REWAL_TESTS_TORTURE_REAL_FILE_JUDGE_HPP
#define REWAL_TESTS_TORTURE_REAL_FILE_JUDGE_HPP

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <rewal/wal.hpp>

#include <torture/oracle.hpp>
#include <torture/report.hpp>

namespace rewal_torture {

inline Image payload_of(std::uint64_t lsn) {
  Random random(lsn);
  Image bytes(static_cast<std::size_t>(20 + lsn % 5 * 200));
  for (auto& b : bytes) b = static_cast<std::byte>(random.next());
  return bytes;
}

inline Image content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

/// What is wrong with a file in which events up to `acknowledged` were made durable, and then with opening it.
inline std::string judge_file(const std::string& path, std::uint64_t acknowledged, std::uint64_t appended) {
  const auto decoded = decode_file(content_of(path));
  const auto check = [&](std::uint64_t count, auto payload) -> std::string {
    if (count < acknowledged) return "acknowledged events are unreadable";
    if (count > appended) return "there are events that were never appended";
    for (std::uint64_t lsn = 1; lsn <= count; ++lsn) {
      if (payload(lsn) != payload_of(lsn)) return "LSN " + std::to_string(lsn) + " is another event";
    }
    return {};
  };
  if (auto wrong = check(decoded.events.size(), [&](std::uint64_t lsn) { return decoded.events[lsn - 1].payload; });
      !wrong.empty()) {
    return "on disk: " + wrong;
  }
  auto log = rewal::Wal<>::open(path).build();
  if (!log) return "refused: " + log.error().message();
  std::vector<Image> events;
  const auto read = log->replay(
      0, [&](const rewal::BorrowedEvent& event) { events.emplace_back(event.payload.begin(), event.payload.end()); });
  if (!read) return "unreadable: " + read.error().message();
  if (events.size() != decoded.events.size()) return "the log reads other events than the oracle";
  if (auto wrong = check(events.size(), [&](std::uint64_t lsn) { return events[lsn - 1]; }); !wrong.empty())
    return wrong;
  if (!log->append_durable("more") || !log->shutdown()) return "going on failed";
  return {};
}

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_REAL_FILE_JUDGE_HPP
