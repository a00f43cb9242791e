// SPDX-License-Identifier: MIT
//
// NewFile: in which order its system calls come, and that none that fails leaves a file behind.

#include <rewal/storage/new_file.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <support/harness.hpp>
#include <support/temp_dir.hpp>

#include "../torture/report.hpp"

using namespace rewal_test;

namespace {

/// Notes the calls, and fails the k-th.
struct NotingFiles : detail::NativeFileSystem {
  using Base = detail::NativeFileSystem;
  struct Notes {
    std::vector<std::string> calls;
    std::size_t failing = 0;  // counted from 1; 0: none
  };
  std::shared_ptr<Notes> notes = std::make_shared<Notes>();

  template <class Call>
  auto noted(const char* name, Call call) -> decltype(call()) {
    notes->calls.emplace_back(name);
    if (notes->calls.size() == notes->failing) return Error(Errc::io, std::error_code(EIO, std::generic_category()));
    return call();
  }
  Result<File> create_exclusive(const detail::NativePath& path, unsigned mode) {
    return noted("create", [&] { return Base::create_exclusive(path, mode); });
  }
  Result<std::size_t> write_at(const File& file, Bytes bytes, std::uint64_t offset) {
    return noted("write", [&] { return Base::write_at(file, bytes, offset); });
  }
  Result<void> sync_all(const File& file) {
    return noted("fsync", [&] { return Base::sync_all(file); });
  }
  Result<void> close(File& file) {
    return noted("close", [&] { return Base::close(file); });
  }
  Result<void> rename_new(const detail::NativePath& from, const detail::NativePath& to) {
    return noted("rename", [&] { return Base::rename_new(from, to); });
  }
  Result<void> sync_directory_of(const detail::NativePath& path) {
    return noted("fsync directory", [&] { return Base::sync_directory_of(path); });
  }
};

Result<void> make(const NotingFiles& files, const std::string& path) {
  detail::NewFile<NotingFiles> file(path, files);
  if (auto created = file.create(0644); !created) return created;
  if (auto written = file.append(detail::bytes_of(std::vector<std::byte>(100))); !written) return written;
  return file.finish();
}

}  // namespace

TEST_CASE("a new file is fsynced before it gets its name, and its directory after") {
  const TempDir dir;
  const NotingFiles files;
  must(make(files, dir.file("copy")));
  CHECK(files.notes->calls ==
        std::vector<std::string>{"create", "write", "fsync", "close", "rename", "fsync directory"});
  CHECK(dir.names() == std::vector<std::string>{"copy"});
}

TEST_CASE("whichever call fails, there is no file under the name or the whole of it", "[figures]") {
  rewal_torture::Row row("G28", "copies, each call failing", "copies");
  for (std::size_t k = 1; k <= 6; ++k) {
    const TempDir dir;
    NotingFiles files;
    files.notes->failing = k;
    CAPTURE(k);
    ++row.count;
    const bool made = make(files, dir.file("copy")).has_value();
    const auto names = dir.names();
    const bool whole_or_absent = names.empty() || (k == 6 && names == std::vector<std::string>{"copy"});
    if (made || !whole_or_absent) ++row.violations;
    CHECK_FALSE(made);
    CHECK(whole_or_absent);
  }
}

TEST_CASE("a name that is taken is refused before anything is written") {
  const TempDir dir;
  dir.write("copy", "mine");
  const NotingFiles files;
  CHECK(make(files, dir.file("copy")).error().system() == std::errc::file_exists);
  CHECK(files.notes->calls.empty());
  CHECK(dir.read("copy") == "mine");
}
