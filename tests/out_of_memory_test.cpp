// SPDX-License-Identifier: MIT
//
// An allocation that fails inside a storage is an error of the call, not an exception.

#include <catch2/catch_test_macros.hpp>
#include <new>
#include <rewal/out_of_memory.hpp>
#include <rewal/platform.hpp>
#include <string>
#include <system_error>

TEST_CASE("a failed allocation is io with not_enough_memory") {
#if REWAL_EXCEPTIONS
  const auto failed =
      rewal::detail::or_not_enough_memory([]() -> rewal::Result<std::string> { throw std::bad_alloc(); });
  REQUIRE_FALSE(failed);
  CHECK(failed.error() == rewal::Errc::io);
  CHECK(failed.error().system() == std::errc::not_enough_memory);
#endif
}

TEST_CASE("what needs no more memory passes as it is") {
  const auto value = rewal::detail::or_not_enough_memory([] { return rewal::Result<std::string>("value"); });
  CHECK(value == std::string("value"));
  const auto error = rewal::detail::or_not_enough_memory([] { return rewal::Result<void>(rewal::Errc::closed); });
  CHECK(error.error() == rewal::Errc::closed);
}
