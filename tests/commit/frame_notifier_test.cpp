// SPDX-License-Identifier: MIT

#include <rewal/commit/frame_notifier.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rewal/wal.hpp>
#include <support/golden.hpp>
#include <support/harness.hpp>

using namespace rewal_test;

namespace {

/// Keeps what it was told.
struct Told {
  std::shared_ptr<std::vector<std::pair<Lsn, std::string>>> events =
      std::make_shared<std::vector<std::pair<Lsn, std::string>>>();

  void on_append(Lsn lsn, std::optional<Bytes> meta, std::uint64_t) const {
    events->emplace_back(lsn, meta ? std::string(as_text(*meta)) : "none");
  }
};

/// Shrinks, and gives back something else.
struct Forgetful {
  Result<void> compress(Bytes source, std::vector<std::byte>& target) const {
    return RunLength{}.compress(source, target);
  }
  Result<void> decompress(Bytes, std::vector<std::byte>& target) const {
    target.resize(target.size() + 7);
    return {};
  }
};

/// Keeps all but the last 100 bytes, which are zeros.
struct Tailless {
  static constexpr std::size_t tail = 100;
  Result<void> compress(Bytes source, std::vector<std::byte>& target) const {
    target.insert(target.end(), source.begin(), source.end() - (source.size() > tail ? tail : 0));
    return {};
  }
  Result<void> decompress(Bytes source, std::vector<std::byte>& target) const {
    target.insert(target.end(), source.begin(), source.end());
    target.resize(target.size() + tail);
    return {};
  }
};

}  // namespace

TEST_CASE("An event whose frame its compressor does not give back is told of without its meta", "[indexer]") {
  const Told told;
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).compressor(Forgetful{}).indexer(told).build());
  must(wal.append_with_meta(std::string(100, 'x'), "meta"));
  must(wal.append_with_meta("short", "kept"));
  must(wal.shutdown());
  CHECK(*told.events == std::vector<std::pair<Lsn, std::string>>{{1, "none"}, {2, "kept"}});
}

TEST_CASE("Large compressed frames that run over the queue's end are told of like any other", "[indexer]") {
  const Told told;
  auto wal = must(
      Wal<>::open("log").storage(MemoryStorage{}).compressor(Tailless{}).indexer(told).queue_bytes(256 * 1024).build());
  std::vector<std::pair<Lsn, std::string>> wanted;
  for (Lsn lsn = 1; lsn <= 20; ++lsn) {
    std::string payload(90'000 + 1000 * static_cast<std::size_t>(lsn), static_cast<char>('a' + lsn));
    payload.append(Tailless::tail, '\0');
    wanted.emplace_back(must(wal.append_with_meta(payload, "meta " + std::to_string(lsn))),
                        "meta " + std::to_string(lsn));
  }
  must(wal.shutdown());
  CHECK(*told.events == wanted);
}
