// SPDX-License-Identifier: MIT
//
// Result and Error as the contract's page describes them, in a program that uses no name that the page does not give.

#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <memory>
#include <ranges>
#include <rewal/wal.hpp>
#include <sstream>
#include <string>
#include <support/harness.hpp>
#include <system_error>
#include <vector>

namespace {

template <class T>
using Result = rewal::Result<T>;

}  // namespace

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
