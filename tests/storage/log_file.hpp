// SPDX-License-Identifier: MIT
//
// The file of a log, in a directory of its own, as the tests of FileStorage open it.

#ifndef REWAL_TESTS_STORAGE_LOG_FILE_HPP
#define REWAL_TESTS_STORAGE_LOG_FILE_HPP

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <filesystem>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <string>
#include <string_view>
#include <support/temp_dir.hpp>

namespace rewal_test {

struct LogFile {
  TempDir dir;
  std::string path = dir.file("log.wal");

  rewal::FileStorage open() const { return rewal::FileStorage::open(path).value(); }
  std::uintmax_t physical_size() const { return std::filesystem::file_size(path); }
};

inline void put(rewal::FileStorage& storage, std::string_view text) {
  REQUIRE(storage.write(rewal::BytesArg(text).bytes()) == text.size());
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_STORAGE_LOG_FILE_HPP
