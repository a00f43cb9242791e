// SPDX-License-Identifier: MIT
//
// A storage of one's own: a log kept in two files, on two disks, that mends one from the other when it is opened. What
// is durable is so in both; a file that was lost, cut or damaged is replaced by what the other one holds.
//
//   custom_storage [FILE [OTHER]]
//
// A storage sees bytes alone. The log calls write, sync, truncate and close one at a time; read_at and size beside any
// of them. Its first error is final for the log: with one disk gone, open the other file as a log of its own.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rewal/reader.hpp>
#include <rewal/wal.hpp>

namespace {

namespace fs = std::filesystem;
using rewal::Bytes;
using rewal::Result;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "custom_storage: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(rewal::Result<T> result) {
  if (!result) fail(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Mirror {
 public:
  /// Opens both files, makes them where they are missing, and makes them equal.
  static Result<Mirror> open(const fs::path& path, const fs::path& other) {
    auto one = rewal::FileStorage::open(path), two = rewal::FileStorage::open(other);
    if (!one || !two) return one ? two.error() : one.error();
    Mirror both(std::move(*one), std::move(*two));
    if (auto mended = both.mend(path, other); !mended) return mended.error();
    return both;
  }

  /// May take fewer bytes than it is given, but as many in one file as in the other.
  Result<std::size_t> write(Bytes bytes) {
    const auto taken = one_.write(bytes);
    if (!taken) return taken;
    if (auto same = write_all(two_, bytes.first(*taken)); !same) return same.error();
    return taken;
  }
  Result<void> sync() {
    return one_.sync().and_then([this] { return two_.sync(); });
  }
  Result<void> truncate(std::uint64_t size) {
    if (auto cut = one_.truncate(size); !cut) return cut;
    return two_.truncate(size);
  }
  Result<void> close() {  // both, whatever the first one says
    const auto first = one_.close(), second = two_.close();
    return first ? second : first;
  }
  Result<std::uint64_t> size() const { return one_.size(); }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t at) const { return one_.read_at(into, at); }
  /// Optional: without it Recovery::repair does not cut an end that holds whole frames.
  Result<std::string> preserve(std::uint64_t offset, Bytes bytes) { return one_.preserve(offset, bytes); }

 private:
  Mirror(rewal::FileStorage one, rewal::FileStorage two) : one_(std::move(one)), two_(std::move(two)) {}

  static Result<void> write_all(rewal::FileStorage& file, Bytes bytes) {
    while (!bytes.empty()) {
      const auto taken = file.write(bytes);
      if (!taken) return taken.error();
      if (*taken == 0) return rewal::Errc::short_write;
      bytes = bytes.subspan(*taken);
    }
    return {};
  }

  /// The file with more whole frames is right: what was acknowledged was in both. The other one gets its bytes; a torn
  /// end is then in both, and the log's own recovery decides about it. A crash meanwhile leaves the right one as it is.
  Result<void> mend(const fs::path& path, const fs::path& other) {
    const auto examine = [](const auto& reader) { return reader.examine(); };
    const auto first = rewal::Reader<>::open(path).build().and_then(examine);
    const auto second = rewal::Reader<>::open(other).build().and_then(examine);
    if (!first || !second) return first ? second.error() : first.error();
    if (first->kept_bytes == second->kept_bytes && first->file_bytes == second->file_bytes) return {};
    const bool one_is_right = first->kept_bytes >= second->kept_bytes;
    const auto &right = one_is_right ? *first : *second, &wrong = one_is_right ? *second : *first;
    if (right.bad_at && right.verdict != rewal::Verdict::torn) return refused();
    if (wrong.verdict == rewal::Verdict::foreign || wrong.beyond.last_lsn > right.last_lsn) return refused();
    auto &from = one_is_right ? one_ : two_, &to = one_is_right ? two_ : one_;
    if (auto cut = to.truncate(0); !cut) return cut;
    std::vector<std::byte> part(1 << 20);
    for (std::uint64_t at = 0; at < right.file_bytes;) {
      const auto got = from.read_at(part, at);
      if (!got) return got.error();
      if (*got == 0) return rewal::Errc::short_write;
      if (auto copied = write_all(to, Bytes(part).first(*got)); !copied) return copied;
      at += *got;
    }
    return to.sync();
  }
  /// Nothing was changed: where each has what the other lacks, a person decides.
  static rewal::Error refused() {
    return {rewal::Errc::corrupted, "neither of the two files is whole: look at both, as with walctl verify"};
  }

  rewal::FileStorage one_, two_;
};
static_assert(rewal::Storage<Mirror>);

}  // namespace

int main(int argc, char** argv) {
  const fs::path one = argc > 1 ? argv[1] : "mirror-1.wal", two = argc > 2 ? argv[2] : "mirror-2.wal";
  for (const auto& file : {one, two}) fs::remove(file);
  int events = 0;
  const auto read = [](const auto& file) { return (std::ostringstream() << std::ifstream(file).rdbuf()).str(); };
  const auto damage = [](const fs::path& file) { std::fstream(file).seekp(20'000) << "damage in the middle"; };
  const auto go_on = [&] {
    auto wal = must(rewal::Wal<>::open(one).storage(must(Mirror::open(one, two))).build());
    if (must(wal.replay(1, [](const rewal::BorrowedEvent&) {})) != static_cast<unsigned>(events))
      fail("an event is lost");
    for (int i = 0; i < 1000; ++i) must(wal.append("event " + std::to_string(++events)));
    must(wal.shutdown());
    if (read(one) != read(two)) fail("the files differ");
  };
  go_on();
  fs::resize_file(two, fs::file_size(two) / 3), go_on();
  damage(one), go_on();
  fs::remove(one), go_on();
  std::printf("%d events in both files, which were cut, damaged and lost\n", events);
  damage(one), damage(two);
  fs::resize_file(two, fs::file_size(two) - 1);
  if (const auto refused = Mirror::open(one, two); !refused) return std::puts(refused.error().message().c_str()), 0;
  fail("two damaged files were taken");
}
