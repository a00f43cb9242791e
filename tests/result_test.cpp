// SPDX-License-Identifier: MIT
//
// Result: what it holds after a move that throws, and what it does when it is asked for what it does not hold.

#include <rewal/result.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <support/ending.hpp>

using namespace rewal;
using rewal_test::ends_with_message;

namespace {

Result<std::string> text() { return std::string("text"); }
Result<std::string> refused() { return Error(Errc::queue_full); }

/// Moving it throws, as soon as it is told to.
struct Unmovable {
  bool throws = false;
  Unmovable() = default;
  Unmovable(Unmovable&& other) : throws(other.throws) {
    if (throws) throw std::runtime_error("no");
  }
};

}  // namespace

TEST_CASE("the value of a Result that is about to go is the value itself") {
  static_assert(std::is_same_v<decltype(*text()), std::string>);
  static_assert(std::is_same_v<decltype(*std::declval<Result<std::string>&>()), std::string&>);
  static_assert(std::is_same_v<decltype(*std::declval<const Result<std::string>&>()), const std::string&>);
  const auto& kept = *text();
  CHECK(kept == "text");
  std::string all;
  for (const char c : *text()) all += c;
  CHECK(all == "text");
  CHECK(*Result<std::unique_ptr<int>>(std::make_unique<int>(7)) != nullptr);
}

TEST_CASE("a Result into which a throwing move was assigned keeps its error, and its message") {
  Result<Unmovable> into = Error(Errc::queue_full);
  Result<Unmovable> from{Unmovable()};
  from->throws = true;
  CHECK_THROWS_AS(into = std::move(from), std::runtime_error);
  REQUIRE_FALSE(into);
  CHECK_FALSE(into.error().message().empty());
}

TEST_CASE("a Result that lost its value to a throwing move holds an error that says so") {
  Result<Unmovable> into{Unmovable()};
  Result<Unmovable> from{Unmovable()};
  from->throws = true;
  CHECK_THROWS_AS(into = std::move(from), std::runtime_error);
  REQUIRE_FALSE(into);
  CHECK(into.error() == Errc::invalid_state);
  CHECK_FALSE(into.error().message().empty());
  into = Unmovable();
  CHECK(into);
}

TEST_CASE("taking the value of an error prints the error and ends the program, in every build") {
  const auto message = Error(Errc::queue_full).message();
  CHECK(ends_with_message([] { static_cast<void>(*refused()); }, message));
  CHECK(ends_with_message([] { static_cast<void>(refused()->size()); }, message));
  CHECK(ends_with_message(
      [] {
        const auto result = refused();
        static_cast<void>(*result);
      },
      message));
  CHECK(ends_with_message([] { *Result<void>(Errc::queue_full); }, message));
}

TEST_CASE("taking the error of a value ends the program") {
  CHECK(ends_with_message([] { static_cast<void>(text().error()); }, "holds a value"));
  CHECK(ends_with_message([] { static_cast<void>(Result<void>().error()); }, "holds a value"));
}

TEST_CASE("the functions of a chain get the value itself") {
  CHECK(*text().transform([](std::string&& moved) { return moved + "!"; }) == "text!");
  CHECK(*text().and_then([](std::string moved) -> Result<std::size_t> { return moved.size(); }) == 4u);
  auto kept = text();
  CHECK(*kept.transform([](std::string& value) { return value.size(); }) == 4u);
  CHECK(*std::as_const(kept).transform([](const std::string& value) { return value.size(); }) == 4u);
}
