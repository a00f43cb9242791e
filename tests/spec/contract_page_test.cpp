// SPDX-License-Identifier: MIT
//
// A program written from the contract's page alone: every name, every form of argument, every type. It includes the
// one public header and uses no name that the page does not give.

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
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using rewal_test::TempDir;

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
static_assert(Payload<char (&)[4]>);
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

Wal open(const std::string& path) {
  auto opened = Wal::open(path).build();
  if (!opened) throw std::runtime_error(opened.error().message());
  return std::move(*opened);
}

std::vector<std::string> everything(const auto& wal) {
  std::vector<std::string> all;
  const auto n = wal.replay(0, [&](const rewal::BorrowedEvent& e) { all.emplace_back(rewal::as_text(e.payload)); });
  REQUIRE(n);
  return all;
}

}  // namespace

TEST_CASE("the contract's first screen works as it stands there") {
  const TempDir dir;
  auto opened = rewal::Wal<>::open(dir.file("orders.wal"))
                    .sync_mode(rewal::SyncMode::never)
                    .backpressure(rewal::Backpressure::block)
                    .queue_capacity(4096)
                    .buffer_capacity(64 * 1024)
                    .build();
  REQUIRE(opened);
  rewal::Wal<> wal = std::move(*opened);

  rewal::Result<rewal::Lsn> lsn = wal.append("payload");
  CHECK(lsn == 1u);
  lsn = wal.append_with_meta("payload", "meta");
  auto batch = rewal::Batch::with_capacity(3);
  batch.add("one");
  batch.add_with_meta("two", "m");
  batch.add("three");
  lsn = wal.append_batch(batch);
  CHECK(lsn == 5u);
  CHECK(batch.size() == 3);

  auto ok = wal.flush();
  CHECK(ok);
  ok = wal.sync();
  CHECK(ok);
  ok = wal.wait_durable(*lsn);
  CHECK(ok);
  lsn = wal.append_durable("payload");
  CHECK(lsn == 6u);

  std::size_t used = 0;
  const auto use = [&](Lsn, rewal::Bytes payload, std::optional<rewal::Bytes> meta) {
    used += payload.size() + (meta ? meta->size() : 0);
  };
  auto n = wal.replay(1, [&](const rewal::BorrowedEvent& e) { use(e.lsn, e.payload, e.meta); });
  CHECK(n == 6u);
  auto it = wal.iterator(1);
  REQUIRE(it);
  for (const auto& e : *it) {
    REQUIRE(e);
    use(e->lsn, e->payload, e->meta);
  }
  CHECK(used == 2 * (3 * 7 + 4 + 11 + 1));
  const rewal::Stats s = wal.stats();
  CHECK(s.events_written == 6);
  ok = wal.shutdown(5s);
  CHECK(ok);
}

TEST_CASE("every form of payload arrives byte for byte") {
  const TempDir dir;
  Wal wal = open(dir.file("log"));
  const std::string with_nul("a\0b", 3);
  const char* const pointer = "pointer";
  std::string writable = "writable";
  char* const writable_pointer = writable.data();
  const char unterminated[] = {'a', 'b', 'c'};
  const unsigned char unsigned_array[] = {'x', 0, 0};
  const std::vector<std::byte> vector{std::byte{'v'}, std::byte{0}};
  const std::array<unsigned char, 3> array{'a', 'r', 0};

  CHECK(wal.append("literal"));
  CHECK(wal.append("lit\0eral\0"));  // of two NULs at its end, one is the language's
  CHECK(wal.append(pointer));
  CHECK(wal.append(writable_pointer));
  CHECK(wal.append(unterminated));
  CHECK(wal.append(with_nul));
  CHECK(wal.append(std::string_view(with_nul)));
  CHECK(wal.append(vector));
  CHECK(wal.append(std::span(vector)));
  CHECK(wal.append(array));
  CHECK(wal.append(unsigned_array));
  CHECK(wal.append({}));
  CHECK(wal.append(""));
  CHECK(wal.append({pointer, 5}));
  CHECK(wal.flush());
  const std::vector<std::string> expected{"literal",
                                          std::string("lit\0eral\0", 9),
                                          "pointer",
                                          "writable",
                                          "abc",
                                          with_nul,
                                          with_nul,
                                          std::string("v\0", 2),
                                          std::string("v\0", 2),
                                          std::string("ar\0", 3),
                                          std::string("x\0\0", 3),
                                          "",
                                          "",
                                          "point"};
  CHECK(everything(wal) == expected);
}

TEST_CASE("every form of meta arrives byte for byte, and empty meta is no meta") {
  const TempDir dir;
  Wal wal = open(dir.file("log"));
  CHECK(wal.append_with_meta("p", "m\0m"));
  CHECK(wal.append_with_meta("p", std::string("string")));
  CHECK(wal.append_with_meta("p", std::vector<unsigned char>{1, 2}));
  CHECK(wal.append_with_meta({}, {}));
  CHECK(wal.append_with_meta("p", ""));
  CHECK(wal.append_durable_with_meta("p", "durable"));
  std::vector<std::optional<std::string>> metas;
  CHECK(wal.replay(1, [&](rewal::Event&& e) {
    metas.push_back(e.meta ? std::optional(std::string(rewal::as_text(*e.meta))) : std::nullopt);
  }));
  const std::vector<std::optional<std::string>> expected{std::string("m\0m", 3), "string",     std::string("\1\2", 2),
                                                         std::nullopt,           std::nullopt, "durable"};
  CHECK(metas == expected);
}

TEST_CASE("a replay function may take a view, anything, or the owned event, and may return void, bool or Result") {
  const TempDir dir;
  Wal wal = open(dir.file("log"));
  for (const char* text : {"a", "b", "c"}) CHECK(wal.append(text));
  CHECK(wal.flush());
  CHECK(wal.replay(2, [](const rewal::BorrowedEvent&) {}) == 2u);
  CHECK(wal.replay(1, [](const auto& e) { static_assert(std::is_same_v<decltype(e), const rewal::BorrowedEvent&>); }) ==
        3u);
  CHECK(wal.replay(1, [](auto&& e) { CHECK(e.lsn > 0); }) == 3u);
  CHECK(wal.replay(1, [](rewal::BorrowedEvent) {}) == 3u);
  CHECK(wal.replay(1, [](rewal::Event&&) {}) == 3u);
  CHECK(wal.replay(1, [](rewal::Event) {}) == 3u);
  CHECK(wal.replay(1, [](const rewal::BorrowedEvent& e) { return e.lsn < 2; }) == 2u);
  CHECK(wal.replay(4, [](const auto&) {}) == 0u);
  const auto stopped =
      wal.replay(1, [](const rewal::BorrowedEvent&) -> Result<void> { return rewal::Errc::crc_mismatch; });
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error() == rewal::Errc::crc_mismatch);
  CHECK_THROWS_AS(wal.replay(1, [](const rewal::BorrowedEvent&) { throw std::length_error("mine"); }),
                  std::length_error);
}

TEST_CASE("an iterator is pulled call by call, owned or borrowed, and closed") {
  const TempDir dir;
  Wal wal = open(dir.file("log"));
  for (const char* text : {"a", "b", "c"}) CHECK(wal.append_with_meta(text, "m"));
  CHECK(wal.flush());
  auto it = wal.iterator(2);
  REQUIRE(it);
  const auto owned = it->next();
  REQUIRE((owned && *owned));
  CHECK((*owned)->lsn == 2);
  CHECK(rewal::as_text((*owned)->payload) == "b");
  const auto borrowed = it->next_borrowed();
  REQUIRE((borrowed && *borrowed));
  CHECK((*borrowed)->lsn == 3);
  CHECK((*borrowed)->to_owned().meta.has_value());
  const auto end = it->next();
  REQUIRE(end);
  CHECK_FALSE(end->has_value());
  CHECK_FALSE(it->err());
  CHECK(it->close());
  const auto late = it->next();
  REQUIRE_FALSE(late);
  CHECK(late.error() == rewal::Errc::closed);
}

TEST_CASE("an iterator works with the algorithms of ranges") {
  const TempDir dir;
  Wal wal = open(dir.file("log"));
  for (int i = 0; i < 10; ++i) CHECK(wal.append("x"));
  CHECK(wal.flush());
  auto it = wal.iterator(1);
  REQUIRE(it);
  CHECK(std::ranges::count_if(*it, [](const Result<rewal::BorrowedEvent>& e) { return e && e->lsn % 2 == 0; }) == 5);
}

TEST_CASE("a Result speaks as std::expected does") {
  const Result<int> seven = 7;
  const Result<int> failed = rewal::Errc::queue_full;
  CHECK(seven.has_value());
  CHECK_FALSE(failed.has_value());
  CHECK(*seven == 7);
  CHECK(seven.value() == 7);
  CHECK(failed.value_or(3) == 3);
  CHECK(seven.transform([](int i) { return i * 2; }) == 14);
  CHECK(seven.and_then([](int i) -> Result<std::string> { return std::to_string(i); }) == std::string("7"));
  CHECK(failed.or_else([](const rewal::Error&) -> Result<int> { return 1; }) == 1);
  CHECK(Result<std::string>("text")->size() == 4);
  CHECK(failed.transform([](int) {}).error() == rewal::Errc::queue_full);
  CHECK(Result<void>().and_then([] { return Result<int>(5); }) == 5);
  CHECK(Result<bool>(false).has_value());
  CHECK(Result<std::unique_ptr<int>>(std::make_unique<int>(4)).transform([](auto&& p) { return *p; }) == 4);
}

TEST_CASE("asking a failed Result for its value throws what a handler of system errors understands") {
  const Result<int> full = rewal::Error(rewal::Errc::io, std::make_error_code(std::errc::no_space_on_device));
  CHECK_THROWS_AS(full.value(), rewal::Exception);
  try {
    (void)full.value();
  } catch (const std::system_error& error) {
    CHECK(error.code() == std::errc::no_space_on_device);
    CHECK(error.what() == full.error().message());  // once, and whole
  }
  CHECK_THROWS_AS(Result<void>(rewal::Errc::closed).value(), std::system_error);
}

TEST_CASE("an Error carries its codes and prints one sentence") {
  const rewal::Error plain(rewal::Errc::queue_full);
  CHECK(plain.code() == rewal::Errc::queue_full);
  CHECK_FALSE(plain.system());
  CHECK_FALSE(plain.offset());
  CHECK_FALSE(plain.lsn());
  const rewal::Error system(rewal::Errc::io, std::make_error_code(std::errc::no_space_on_device));
  CHECK(system == rewal::Errc::io);
  CHECK(system != rewal::Errc::closed);
  CHECK(system.system() == std::errc::no_space_on_device);
  std::ostringstream out;
  out << system;
  CHECK(out.str() == system.message());
  CHECK(out.str().find(std::make_error_code(std::errc::no_space_on_device).message()) != std::string::npos);
  CHECK(out.str().find('\n') == std::string::npos);
}

TEST_CASE("every code has a sentence of its own") {
  using rewal::Errc;
  std::vector<std::string> sentences;
  for (const Errc code :
       {Errc::closed, Errc::draining, Errc::not_running, Errc::corrupted, Errc::queue_full, Errc::file_locked,
        Errc::invalid_lsn, Errc::short_write, Errc::invalid_record, Errc::crc_mismatch, Errc::invalid_state,
        Errc::empty_batch, Errc::compressor_required, Errc::io}) {
    sentences.push_back(rewal::Error(code).message());
    CHECK(sentences.back().size() > 20);
  }
  std::ranges::sort(sentences);
  CHECK(std::ranges::adjacent_find(sentences) == sentences.end());
}

TEST_CASE("every option is taken, on a builder kept or passed on") {
  const TempDir dir;
  auto builder = Wal::open(dir.path() / "log");
  builder.sync_mode(rewal::SyncMode::batch);
  builder.sync_mode(rewal::SyncMode::interval(50ms)).backpressure(rewal::Backpressure::drop);
  builder.backpressure(rewal::Backpressure::error);
  builder.queue_capacity(16).queue_bytes(1 << 20).buffer_capacity(4096).max_frame_bytes(1 << 16).preallocate(0);
  builder.recovery(rewal::Recovery::strict).recovery(rewal::Recovery::truncate).recovery(rewal::Recovery::repair);
  auto wal = builder.start_lsn(100).build();
  REQUIRE(wal);
  CHECK(wal->append("x") == 100u);
}

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

TEST_CASE("the lesser names exist: stats, states and what opening found") {
  const TempDir dir;
  Wal wal = open(dir.file("log"));
  const rewal::Stats stats = wal.stats();
  const std::vector<std::uint64_t> numbers{stats.events_written, stats.batches_written, stats.bytes_written,
                                           stats.bytes_synced,   stats.sync_count,      stats.compressed_bytes,
                                           stats.drops,          stats.corruptions,     stats.queue_len,
                                           stats.file_size,      stats.last_lsn,        stats.durable_lsn};
  CHECK(std::ranges::count(numbers, std::uint64_t{0}) == std::ssize(numbers));
  CHECK(stats.state == rewal::State::running);
  const rewal::RecoveryReport report = wal.recovery();
  CHECK((report.frames == 0 && report.events == 0 && report.kept_bytes == 0 && report.cut_bytes == 0));
  CHECK((report.gaps == 0 && report.inversions == 0));
  CHECK(report.reason.empty());
  CHECK(report.saved_copy.empty());
  CHECK(std::vector{rewal::State::init, rewal::State::running, rewal::State::draining, rewal::State::closed}.size() ==
        4);
}

TEST_CASE("a memory storage and a file storage are given by value") {
  const TempDir dir;
  rewal::MemoryStorage memory;
  auto in_memory = Wal::open("name").storage(memory).build();
  REQUIRE(in_memory);
  CHECK(in_memory->append_durable("x"));
  CHECK(rewal::as_text(memory.bytes()).substr(0, 4) == "EWAL");
  auto file = rewal::FileStorage::open(dir.file("log"));
  REQUIRE(file);
  auto on_file = Wal::open("name").storage(std::move(*file)).build();
  REQUIRE(on_file);
  CHECK(on_file->append_durable("x") == 1u);
}
