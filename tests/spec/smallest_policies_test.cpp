// SPDX-License-Identifier: MIT
//
// Storages and policies of the smallest kind, and how they are owned.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <rewal/wal.hpp>
#include <span>
#include <spec/squeezable_events.hpp>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <type_traits>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

using Buffer = std::vector<std::byte>;

/// A storage of the six members and nothing else; it shares its bytes, and cannot be copied.
class Vector {
 public:
  explicit Vector(std::shared_ptr<Buffer> bytes) : bytes_(std::move(bytes)), guard_(std::make_unique<std::mutex>()) {}

  Result<std::size_t> write(Bytes bytes) {
    const std::lock_guard lock(*guard_);
    bytes_->insert(bytes_->end(), bytes.begin(), bytes.end());
    return bytes.size();
  }
  Result<void> sync() { return {}; }
  Result<void> close() { return {}; }
  Result<std::uint64_t> size() {
    const std::lock_guard lock(*guard_);
    return std::uint64_t{bytes_->size()};
  }
  Result<void> truncate(std::uint64_t n) {
    const std::lock_guard lock(*guard_);
    bytes_->resize(static_cast<std::size_t>(n));
    return {};
  }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    const std::lock_guard lock(*guard_);
    if (offset >= bytes_->size()) return std::size_t{0};
    const auto from = static_cast<std::size_t>(offset);
    const std::size_t count = (std::min)(into.size(), bytes_->size() - from);
    if (count > 0) std::memcpy(into.data(), bytes_->data() + from, count);
    return count;
  }

 private:
  std::shared_ptr<Buffer> bytes_;
  std::unique_ptr<std::mutex> guard_;
};
static_assert(Storage<Vector> && !std::is_copy_constructible_v<Vector>);

}  // namespace

TEST_CASE("a storage of six members serves a log for its whole life", "[policies]") {
  const auto bytes = std::make_shared<Buffer>();
  {
    auto wal = must(Wal<>::open("only a name").storage(Vector(bytes)).build());
    static_assert(std::is_same_v<decltype(wal), Wal<Vector>>);
    append_some_of_everything(wal);
    must(wal.append_durable(std::string(100'000, 'y')));
    CHECK(events(wal).size() == 7);
    auto it = must(wal.iterator(7));
    CHECK(must(it.next())->payload.size() == 100'000);
    must(wal.shutdown());
  }
  const std::size_t whole = bytes->size();
  bytes->resize(whole - 10);  // a torn last frame
  {
    auto wal = must(Wal<>::open("only a name").storage(Vector(bytes)).build());
    CHECK(wal.last_lsn() == 6);
    CHECK(must(wal.append_durable("again")) == 7);
  }
  const auto last = must(Wal<>::open("only a name").storage(Vector(bytes)).build());
  CHECK(payloads(last, 7) == std::vector<std::string>{"again"});
}

TEST_CASE("all four policies may be move-only, and go with the log when it moves", "[policies]") {
  struct Owning {
    std::unique_ptr<int> own = std::make_unique<int>(7);
    std::shared_ptr<std::atomic<int>> calls;
    void after_write(std::size_t) { calls->fetch_add(*own); }
  };
  struct OwningIndexer {
    std::unique_ptr<int> own = std::make_unique<int>(1);
    std::shared_ptr<std::atomic<int>> calls;
    void on_append(Lsn, std::optional<Bytes>, std::uint64_t) { calls->fetch_add(*own); }
  };
  struct OwningCompressor {
    std::unique_ptr<RunLength> own = std::make_unique<RunLength>();
    Result<void> compress(Bytes source, Buffer& target) { return own->compress(source, target); }
    Result<void> decompress(Bytes source, Buffer& target, std::size_t most) {
      return own->decompress(source, target, most);
    }
  };
  const auto writes = std::make_shared<std::atomic<int>>(0);
  const auto indexed = std::make_shared<std::atomic<int>>(0);
  auto built = Wal<>::open("log")
                   .storage(Vector(std::make_shared<Buffer>()))
                   .compressor(OwningCompressor{})
                   .indexer(OwningIndexer{.calls = indexed})
                   .hooks(Owning{.calls = writes})
                   .build();
  auto wal = must(std::move(built));
  must(wal.append(squeezable()));
  must(wal.flush());
  auto moved = std::move(wal);
  must(moved.append(squeezable()));
  must(moved.flush());
  CHECK(payloads(moved) == std::vector<std::string>{squeezable(), squeezable()});
  CHECK(*writes == 14);
  CHECK(*indexed == 2);
  CHECK(writes.use_count() == 2);
  must(moved.shutdown());
  moved = decltype(moved){};
  CHECK(writes.use_count() == 1);  // the log has let go of its policies
  CHECK(indexed.use_count() == 1);
}
