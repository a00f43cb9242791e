// SPDX-License-Identifier: MIT
//
// The contract's page by its types: every name, every call and what it returns, every form that may be passed.
// It includes the one public header and uses no name that the page does not give.

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <rewal/wal.hpp>
#include <span>
#include <string>
#include <string_view>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

// ---- the types -----------------------------------------------------------------------------------------------------

using Wal = rewal::Wal<>;
using Lsn = rewal::Lsn;

static_assert(std::is_same_v<Lsn, std::uint64_t>);
static_assert(std::is_same_v<rewal::Bytes, std::span<const std::byte>>);
static_assert(std::is_same_v<decltype(rewal::as_text(rewal::Bytes{})), std::string_view>);
static_assert(std::is_same_v<Wal, rewal::Wal<rewal::FileStorage>>);

static_assert(std::is_nothrow_move_constructible_v<Wal> && std::is_move_assignable_v<Wal>);
static_assert(!std::is_copy_constructible_v<Wal> && !std::is_copy_assignable_v<Wal>);

static_assert(std::is_same_v<decltype(rewal::Event::lsn), Lsn>);
static_assert(std::is_same_v<decltype(rewal::Event::payload), std::vector<std::byte>>);
static_assert(std::is_same_v<decltype(rewal::Event::meta), std::optional<std::vector<std::byte>>>);
static_assert(std::is_same_v<decltype(rewal::BorrowedEvent::lsn), Lsn>);
static_assert(std::is_same_v<decltype(rewal::BorrowedEvent::payload), rewal::Bytes>);
static_assert(std::is_same_v<decltype(rewal::BorrowedEvent::meta), std::optional<rewal::Bytes>>);
static_assert(std::is_same_v<decltype(rewal::BorrowedEvent::offset), std::uint64_t>);
static_assert(std::is_same_v<decltype(std::declval<rewal::BorrowedEvent>().to_owned()), rewal::Event>);

static_assert(std::is_same_v<decltype(rewal::Batch::with_capacity(1)), rewal::Batch>);
static_assert(std::is_void_v<decltype(std::declval<rewal::Batch&>().add("x"))>);
static_assert(std::is_void_v<decltype(std::declval<rewal::Batch&>().add_with_meta("x", "m"))>);

// ---- the calls -----------------------------------------------------------------------------------------------------

template <class T>
using Result = rewal::Result<T>;

static_assert(std::is_same_v<decltype(Wal::open("p").build()), Result<Wal>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().append("x")), Result<Lsn>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().append_with_meta("x", "m")), Result<Lsn>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().append_batch(rewal::Batch{})), Result<Lsn>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().append_durable("x")), Result<Lsn>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().append_durable_with_meta("x", "m")), Result<Lsn>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().append_batch_durable(rewal::Batch{})), Result<Lsn>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().flush()), Result<void>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().sync()), Result<void>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().wait_durable(1)), Result<void>>);
static_assert(std::is_same_v<decltype(std::declval<const Wal&>().last_lsn()), Lsn>);
static_assert(std::is_same_v<decltype(std::declval<const Wal&>().durable_lsn()), Lsn>);
static_assert(std::is_same_v<decltype(std::declval<const Wal&>().stats()), rewal::Stats>);
static_assert(std::is_same_v<decltype(std::declval<const Wal&>().state()), rewal::State>);
static_assert(
    std::is_same_v<std::remove_cvref_t<decltype(std::declval<const Wal&>().recovery())>, rewal::RecoveryReport>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().iterator(1)), Result<Wal::Iterator>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().shutdown()), Result<void>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().shutdown(5s)), Result<void>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().shutdown(std::chrono::hours::max())), Result<void>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().shutdown(1.5s)), Result<void>>);
static_assert(std::is_same_v<decltype(std::declval<Wal&>().close()), Result<void>>);

using Iterator = Wal::Iterator;
static_assert(std::is_same_v<decltype(std::declval<Iterator&>().next()), Result<std::optional<rewal::Event>>>);
static_assert(
    std::is_same_v<decltype(std::declval<Iterator&>().next_borrowed()), Result<std::optional<rewal::BorrowedEvent>>>);
static_assert(std::is_same_v<decltype(std::declval<Iterator&>().close()), Result<void>>);
static_assert(std::is_same_v<decltype(std::declval<Iterator&>().err()), std::optional<rewal::Error>>);
static_assert(std::movable<Iterator>);
static_assert(std::ranges::input_range<Iterator>);
static_assert(std::input_iterator<std::ranges::iterator_t<Iterator>>);
static_assert(std::is_same_v<std::ranges::range_value_t<Iterator>, Result<rewal::BorrowedEvent>>);

// ---- what may be passed -------------------------------------------------------------------------------------------

template <class T>
concept Payload = requires(Wal& wal, rewal::Batch& batch, T&& payload) {
  wal.append(std::forward<T>(payload));
  wal.append_with_meta("p", std::forward<T>(payload));
  wal.append_durable(std::forward<T>(payload));
  wal.append_durable_with_meta(std::forward<T>(payload), "m");
  batch.add(std::forward<T>(payload));
  batch.add_with_meta(std::forward<T>(payload), "m");
};

static_assert(Payload<const char (&)[4]>);
static_assert(!Payload<char (&)[4]>);  // text, or all its bytes?
static_assert(Payload<const unsigned char (&)[4]>);
static_assert(Payload<std::byte (&)[4]>);
static_assert(Payload<const char*> && Payload<char*> && Payload<const char*&> && Payload<char* const&>);
static_assert(Payload<std::string> && Payload<std::string&> && Payload<const std::string&>);
static_assert(Payload<std::string_view> && Payload<const std::string_view&>);
static_assert(Payload<std::vector<std::byte>&> && Payload<const std::vector<std::byte>&> &&
              Payload<std::vector<std::byte>>);
static_assert(Payload<std::vector<unsigned char>&> && Payload<std::vector<char>&>);
static_assert(Payload<std::array<unsigned char, 3>> && Payload<std::array<std::byte, 3>&> &&
              Payload<const std::array<char, 3>&>);
static_assert(Payload<std::span<const std::byte>> && Payload<std::span<std::byte>> &&
              Payload<std::span<const unsigned char>> && Payload<std::span<char, 4>>);
static_assert(Payload<rewal::Bytes&>);

static_assert(!Payload<int> && !Payload<int&> && !Payload<unsigned> && !Payload<std::size_t> && !Payload<char>);
static_assert(!Payload<std::byte> && !Payload<bool> && !Payload<double>);
static_assert(!Payload<std::nullptr_t> && !Payload<const std::nullptr_t&>);
static_assert(!Payload<std::vector<int>&> && !Payload<std::deque<char>&> && !Payload<std::vector<bool>&>);
static_assert(!Payload<std::wstring> && !Payload<const void*>);

// ---- Result and Error ---------------------------------------------------------------------------------------------

static_assert(std::is_convertible_v<int, Result<int>> && std::is_convertible_v<rewal::Error, Result<int>> &&
              std::is_convertible_v<rewal::Errc, Result<int>>);
static_assert(std::is_convertible_v<rewal::Error, Result<void>> && std::is_convertible_v<rewal::Errc, Result<void>>);
static_assert(std::is_convertible_v<bool, Result<bool>> && !std::is_convertible_v<int, Result<bool>> &&
              !std::is_convertible_v<const char*, Result<bool>>);
static_assert(!std::is_convertible_v<Result<int>, bool> && std::is_constructible_v<bool, Result<int>>);
static_assert(std::is_convertible_v<const char*, Result<std::string>>);
static_assert(std::is_constructible_v<rewal::Error, rewal::Errc>);
static_assert(std::is_constructible_v<rewal::Error, rewal::Errc, std::error_code>);
static_assert(std::is_same_v<decltype(std::declval<rewal::Error>().code()), rewal::Errc>);
static_assert(std::is_same_v<decltype(std::declval<rewal::Error>().system()), std::error_code>);
static_assert(std::is_same_v<decltype(std::declval<rewal::Error>().message()), std::string>);
static_assert(std::is_base_of_v<std::system_error, rewal::Exception>);

// ---- policies of every kind ---------------------------------------------------------------------------------------

struct MyStorage {
  std::shared_ptr<std::vector<std::byte>> bytes = std::make_shared<std::vector<std::byte>>();
  Result<std::size_t> write(rewal::Bytes more) {
    bytes->insert(bytes->end(), more.begin(), more.end());
    return more.size();
  }
  Result<void> sync() { return {}; }
  Result<void> close() { return {}; }
  Result<std::uint64_t> size() { return bytes->size(); }
  Result<void> truncate(std::uint64_t n) {
    bytes->resize(static_cast<std::size_t>(n));
    return {};
  }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    if (offset >= bytes->size()) return std::size_t{0};
    const auto from = static_cast<std::size_t>(offset);
    const std::size_t n = std::min(into.size(), bytes->size() - from);
    std::copy_n(bytes->begin() + static_cast<std::ptrdiff_t>(from), n, into.begin());
    return n;
  }
};
struct MyCompressor {
  Result<void> compress(rewal::Bytes src, std::vector<std::byte>& dst) {
    dst.insert(dst.end(), src.begin(), src.end());
    return {};
  }
  Result<void> decompress(rewal::Bytes src, std::vector<std::byte>& dst) {
    dst.insert(dst.end(), src.begin(), src.end());
    return {};
  }
};
struct MyBoundedCompressor : MyCompressor {
  Result<void> decompress(rewal::Bytes src, std::vector<std::byte>& dst, std::size_t) {
    dst.insert(dst.end(), src.begin(), src.end());
    return {};
  }
};
struct MyIndex {
  void on_append(Lsn, std::optional<rewal::Bytes>, std::uint64_t) {}
};
struct MyHooks {
  void on_start() {}
  void on_shutdown_start() {}
  void on_shutdown_done(std::chrono::nanoseconds) {}
  void before_append(const rewal::Events& events) {
    for (const rewal::BorrowedEvent& event : events) seen += event.payload.size();
  }
  void after_append(Lsn, std::size_t) {}
  void before_write(std::size_t) {}
  void after_write(std::size_t) {}
  void before_sync() {}
  void after_sync(std::chrono::nanoseconds) {}
  void on_corruption(std::uint64_t) {}
  void on_drop(std::size_t) {}
  std::size_t seen = 0;
};
struct OneHook {
  void on_start() {}
};
struct WrongHook {
  void on_start() {}
  void after_write(std::string) {}
};
struct Nothing {};

static_assert(rewal::Storage<MyStorage> && rewal::Storage<rewal::FileStorage> && rewal::Storage<rewal::MemoryStorage>);
static_assert(!rewal::Storage<Nothing>);
static_assert(rewal::Compressor<MyCompressor> && rewal::Compressor<MyBoundedCompressor> && !rewal::Compressor<Nothing>);
static_assert(rewal::Indexer<MyIndex> && !rewal::Indexer<Nothing>);
static_assert(rewal::Hooks<MyHooks> && rewal::Hooks<OneHook> && !rewal::Hooks<Nothing> && !rewal::Hooks<WrongHook>);
static_assert(std::ranges::sized_range<const rewal::Events> && std::ranges::forward_range<const rewal::Events>);
static_assert(std::is_same_v<std::ranges::range_value_t<const rewal::Events>, rewal::BorrowedEvent>);

using Full = rewal::Wal<MyStorage, MyCompressor, MyIndex, MyHooks>;
static_assert(std::is_same_v<decltype(Wal::open("p")
                                          .compressor(MyCompressor{})
                                          .indexer(MyIndex{})
                                          .hooks(MyHooks{})
                                          .storage(MyStorage{})
                                          .build()),
                             Result<Full>>);

// The page's own template head, in a program's template: the defaults fit their concepts.
template <rewal::Storage S, rewal::Compressor C, rewal::Indexer I, rewal::Hooks H>
Lsn last_of(const rewal::Wal<S, C, I, H>& wal) {
  return wal.last_lsn();
}
static_assert(rewal::Compressor<rewal::NoCompressor> && rewal::Indexer<rewal::NoIndexer> &&
              rewal::Hooks<rewal::NoHooks>);
static_assert(std::is_same_v<decltype(last_of(std::declval<Wal&>())), Lsn>);
static_assert(std::is_same_v<decltype(last_of(std::declval<Full&>())), Lsn>);
static_assert(std::is_same_v<decltype(Wal::open("p").hooks(rewal::NoHooks{}).build()), Result<Wal>>);

static_assert(rewal::SyncMode() == rewal::SyncMode::never);

}  // namespace

TEST_CASE("a log with every policy runs") {
  const MyStorage storage;
  auto wal = Wal::open("only a name")
                 .compressor(MyBoundedCompressor{})
                 .indexer(MyIndex{})
                 .hooks(MyHooks{})
                 .storage(storage)
                 .build();
  REQUIRE(wal);
  CHECK(wal->append_durable("x") == 1u);
  CHECK(wal->shutdown());
  CHECK(storage.bytes->size() == 24 + 6 + 1 + 4);
}
