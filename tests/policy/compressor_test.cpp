// SPDX-License-Identifier: MIT
//
// The Compressor concept, and what the guarded calls make of a compressor that fails, throws or overfills.

#include <rewal/policy/compressor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>
#include <stdexcept>
#include <string>
#include <support/harness.hpp>
#include <system_error>
#include <vector>

using namespace rewal_test;
using rewal::detail::compress_guarded;
using rewal::detail::decompress_guarded;

namespace {

using Buffer = std::vector<std::byte>;

/// Does what the test says, and notes the limit that it was given.
struct Unbounded {
  std::function<Result<void>(Bytes, Buffer&)> work;
  Result<void> compress(Bytes source, Buffer& target) { return work(source, target); }
  Result<void> decompress(Bytes source, Buffer& target) { return work(source, target); }
};
struct Bounded {
  std::function<Result<void>(Bytes, Buffer&)> work;
  std::size_t most_seen = 0;
  Result<void> compress(Bytes source, Buffer& target) { return work(source, target); }
  Result<void> decompress(Bytes source, Buffer& target, std::size_t most) {
    most_seen = most;
    return work(source, target);
  }
};
struct BothForms {
  bool bounded_was_called = false;
  Result<void> compress(Bytes, Buffer&) { return {}; }
  Result<void> decompress(Bytes, Buffer&) { return Errc::corrupted; }
  Result<void> decompress(Bytes, Buffer&, std::size_t) {
    bounded_was_called = true;
    return {};
  }
};

struct OnlyCompresses {
  Result<void> compress(Bytes, Buffer&);
};
struct OnlyDecompresses {
  Result<void> decompress(Bytes, Buffer&);
};
struct ReturnsNothing {
  void compress(Bytes, Buffer&);
  void decompress(Bytes, Buffer&);
};
struct ReturnsTheBytes {
  Buffer compress(Bytes);
  Buffer decompress(Bytes);
};
struct TakesTheTargetByValue {
  Result<void> compress(Bytes, Buffer);
  Result<void> decompress(Bytes, Buffer);
};
struct WrongLimit {
  Result<void> compress(Bytes, Buffer&);
  Result<void> decompress(Bytes, Buffer&, std::string most);
};
struct MoveOnly {
  std::unique_ptr<int> state;
  Result<void> compress(Bytes, Buffer&);
  Result<void> decompress(Bytes, Buffer&, std::uint32_t most);
};
struct ConstMembers {
  Result<void> compress(Bytes, Buffer&) const;
  Result<void> decompress(Bytes, Buffer&, std::size_t) const;
};

static_assert(rewal::Compressor<Unbounded> && rewal::Compressor<Bounded> && rewal::Compressor<BothForms>);
static_assert(rewal::Compressor<MoveOnly> && rewal::Compressor<ConstMembers>);
static_assert(rewal::Compressor<rewal::NoCompressor> && !rewal::Compressor<int>);
static_assert(!rewal::Compressor<OnlyCompresses> && !rewal::Compressor<OnlyDecompresses>);
static_assert(!rewal::Compressor<ReturnsNothing> && !rewal::Compressor<ReturnsTheBytes>);
// A target by value is a copy: legal to call, so the compiler cannot tell.
static_assert(rewal::Compressor<TakesTheTargetByValue>);
static_assert(!rewal::Compressor<WrongLimit>);

const Buffer source{std::byte{1}, std::byte{2}, std::byte{3}};

auto adding(std::size_t count) {
  return [count](Bytes, Buffer& target) -> Result<void> {
    target.resize(target.size() + count, std::byte{7});
    return {};
  };
}
auto failing(Error error) {
  return [error](Bytes, Buffer& target) -> Result<void> {
    target.push_back(std::byte{9});  // what a failed call leaves is nobody's business
    return error;
  };
}
template <class E>
auto throwing(E exception) {
  return [exception](Bytes, Buffer&) -> Result<void> { throw exception; };
}

}  // namespace

TEST_CASE("a guarded compressor gets the bytes it is given and appends", "[compressor]") {
  Buffer seen;
  Unbounded copying{[&](Bytes bytes, Buffer& target) -> Result<void> {
    seen.assign(bytes.begin(), bytes.end());
    target.insert(target.end(), bytes.rbegin(), bytes.rend());
    return {};
  }};
  Buffer target{std::byte{0}};
  CHECK(compress_guarded(copying, source, target));
  CHECK(seen == source);
  CHECK(target == Buffer{std::byte{0}, std::byte{3}, std::byte{2}, std::byte{1}});
  CHECK(decompress_guarded(copying, source, target, 3));
  CHECK(target.size() == 7);
}

TEST_CASE("a compressor's error is returned as it is", "[compressor]") {
  const Error error = Error(Errc::io, std::error_code(ENOSPC, std::generic_category()), "no room").at_offset(5);
  Unbounded unbounded{failing(error)};
  Bounded bounded{failing(error)};
  Buffer target;
  CHECK(compress_guarded(unbounded, source, target).error() == error);
  CHECK(compress_guarded(unbounded, source, target).error().message() == error.message());
  CHECK(decompress_guarded(unbounded, source, target, 100).error() == error);
  CHECK(decompress_guarded(bounded, source, target, 100).error() == error);
  // Also where it made too much before it failed.
  CHECK(decompress_guarded(unbounded, source, target, 0).error() == error);
}

TEST_CASE("what a compressor throws is invalid_record, and corrupted when reading", "[compressor]") {
  Buffer target;
  const auto expect_caught = [&](auto compressor) {
    CHECK(said(compress_guarded(compressor, source, target)) == "invalid_record");
    CHECK(said(decompress_guarded(compressor, source, target, 100)) == "corrupted");
    CHECK(compress_guarded(compressor, source, target).error().message().find("threw") != std::string::npos);
  };
  expect_caught(Unbounded{throwing(std::runtime_error("no"))});
  expect_caught(Unbounded{throwing(std::bad_alloc())});
  expect_caught(Unbounded{throwing(42)});
  expect_caught(Bounded{throwing(std::string("no"))});
}

TEST_CASE("a limit holds for every compressor: at it is fine, a byte over is corrupted", "[compressor]") {
  for (const std::size_t made : {std::size_t{0}, std::size_t{1}, std::size_t{10}, std::size_t{11}}) {
    INFO(made << " bytes made");
    Buffer target(4);
    Unbounded unbounded{adding(made)};
    CHECK(said(decompress_guarded(unbounded, source, target, 10)) == (made <= 10 ? "ok" : "corrupted"));
    Bounded disobedient{adding(made)};
    CHECK(said(decompress_guarded(disobedient, source, target, 10)) == (made <= 10 ? "ok" : "corrupted"));
  }
  Unbounded nothing{adding(0)};
  Buffer target;
  CHECK(decompress_guarded(nothing, source, target, 0));
}

TEST_CASE("a compressor that takes the limit is told it, and that form is preferred", "[compressor]") {
  Buffer target;
  Bounded bounded{adding(1)};
  CHECK(decompress_guarded(bounded, source, target, 12345));
  CHECK(bounded.most_seen == 12345);
  CHECK(decompress_guarded(bounded, source, target, UINT64_MAX));
  CHECK(bounded.most_seen == SIZE_MAX);
  BothForms both;
  CHECK(decompress_guarded(both, source, target, 1));
  CHECK(both.bounded_was_called);
}

TEST_CASE("a compressor may grow its output: that is no error here", "[compressor]") {
  Unbounded growing{adding(1000)};
  Buffer target;
  CHECK(compress_guarded(growing, source, target));
  CHECK(target.size() == 1000);
}
