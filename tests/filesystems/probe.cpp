// SPDX-License-Identifier: MIT
//
// What a log does on the file system of a directory: one line for each claim, `ok` or what was found instead.
//
//   probe DIRECTORY            everything that a log promises of a sound file system
//   probe --full DIRECTORY     the file system is small and gets full
//   probe --make DIRECTORY         makes a log for the next
//   probe --read-only DIRECTORY    it cannot be written; a log is there
//   probe --no-locks DIRECTORY     it knows no flock

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <rewal/reader.hpp>
#include <rewal/wal.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using rewal::Errc;
using rewal::Lsn;
using rewal::Reader;
using rewal::Wal;

/// Ends a claim with what was found.
void need(bool holds, const std::string& found) {
  if (!holds) throw std::runtime_error(found);
}
template <class T>
T must(rewal::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}
void must(const rewal::Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().message());
}

std::string event(Lsn lsn) { return "event " + std::to_string(lsn) + std::string(lsn % 500, 'x'); }

void fill(Wal<>& wal, Lsn count) {
  for (Lsn lsn = 1; lsn <= count; ++lsn) must(wal.append(event(lsn)));
  must(wal.wait_durable(count));
}

void read_all(const Wal<>& wal, Lsn count) {
  Lsn due = 1;
  must(wal.replay(0, [&](const rewal::BorrowedEvent& read) {
    need(read.lsn == due && rewal::as_text(read.payload) == event(due), "event " + std::to_string(due) + " is another");
    ++due;
  }));
  need(due == count + 1, std::to_string(due - 1) + " events were read, not " + std::to_string(count));
}

class Probe {
 public:
  explicit Probe(std::filesystem::path directory) : directory_(std::move(directory)) {}

  void claim(const char* what, const std::function<void(const std::filesystem::path&)>& tried) {
    const auto path = directory_ / ("log" + std::to_string(count_++));
    std::string found = "ok";
    try {
      tried(path);
    } catch (const std::exception& error) {
      found = error.what();
      ++failed_;
    }
    std::printf("%-58s %s\n", what, found.c_str());
    std::fflush(stdout);
  }
  [[nodiscard]] int failed() const { return failed_; }

 private:
  std::filesystem::path directory_;
  int count_ = 0;
  int failed_ = 0;
};

void opens_again(const std::filesystem::path& path) {
  constexpr Lsn count = 5000;
  {
    auto wal = must(Wal<>::open(path).preallocate(8 << 20).build());
    fill(wal, count);
    read_all(wal, count);
    must(wal.shutdown());
  }
  auto wal = must(Wal<>::open(path).build());
  read_all(wal, count);
  need(std::filesystem::file_size(path) == wal.stats().file_size, "zeros were left behind the end");
}

void locks(const std::filesystem::path& path) {
  const auto wal = must(Wal<>::open(path).build());
  const auto second = Wal<>::open(path).build();
  need(!second && second.error() == Errc::file_locked, "a second log opens it");
}

void recovers(const std::filesystem::path& path) {
  {
    auto wal = must(Wal<>::open(path).build());
    fill(wal, 100);
    must(wal.shutdown());
  }
  const auto whole = std::filesystem::file_size(path);
  std::string bytes;
  {
    std::ifstream in(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  bytes[bytes.size() - 700] = static_cast<char>(~bytes[bytes.size() - 700]);
  std::ofstream(path, std::ios::binary) << bytes;
  const auto wal = must(Wal<>::open(path).recovery(rewal::Recovery::truncate).build());
  need(wal.last_lsn() < 100 && std::filesystem::file_size(path) < whole, "nothing was cut");
  const auto copy = wal.recovery().saved_copy;
  need(!copy.empty() && std::filesystem::file_size(copy) + wal.stats().file_size == whole, "what was cut is not saved");
}

void reads_and_copies(const std::filesystem::path& path) {
  auto wal = must(Wal<>::open(path).build());
  fill(wal, 300);
  need(must(must(Reader<>::open(path).build()).examine()).last_lsn == 300, "a reader sees another end");
  auto other = path;
  other += ".copy";
  need(must(wal.copy_to(other)) == 300, "the copy is shorter");
  auto copied = must(Wal<>::open(other).build());
  read_all(copied, 300);
  need(wal.copy_to(other).error().system() == std::errc::file_exists, "a copy replaces a file");
}

void misses_its_file(const std::filesystem::path& path) {
  auto wal = must(Wal<>::open(path).build());
  fill(wal, 10);
  std::filesystem::remove(path);
  need(!wal.append_durable("lost"), "an event in a file that was removed is durable");
}

void sees_a_cut(const std::filesystem::path& path) {
  auto wal = must(Wal<>::open(path).build());
  fill(wal, 10);
  std::filesystem::resize_file(path, 50);
  need(!wal.append_durable("lost"), "an event in a file that was cut is durable");
}

void holds_five_gigabytes(const std::filesystem::path& path) {
  {
    auto wal = must(Wal<>::open(path).build());
    fill(wal, 10);
    must(wal.shutdown());
  }
  std::error_code refused;
  std::filesystem::resize_file(path, std::uint64_t{5} << 30, refused);
  if (refused) return;  // its files are smaller: nothing to be claimed
  auto wal = must(Wal<>::open(path).build());
  read_all(wal, 10);
}

void gets_full(const std::filesystem::path& path) {
  Lsn durable = 0;
  {
    auto wal = must(Wal<>::open(path).preallocate(64 << 10).build());
    std::string found = "it never gets full";
    for (int i = 0; i < 100'000; ++i) {
      const auto lsn = wal.append_durable(std::string(4000, 'x'));
      if (!lsn) {
        found = lsn.error().message();
        need(lsn.error().system() == std::errc::no_space_on_device, found);
        need(found.find("make room") != std::string::npos, found);
        break;
      }
      durable = *lsn;
    }
    need(wal.error().has_value(), found);
    need(wal.durable_lsn() == durable, "more is called durable than was acknowledged");
  }
  const auto reader = must(must(Reader<>::open(path).build()).examine());
  need(reader.last_lsn >= durable, "an acknowledged event is missing");
}

void makes_room(const std::filesystem::path& path) {
  auto full = path.parent_path() / "log0";
  std::filesystem::remove(path.parent_path() / "ballast");
  auto wal = must(Wal<>::open(full).build());
  must(wal.append_durable("there is room again"));
}

int no_locks(const std::filesystem::path& directory) {
  Probe probe(directory);
  probe.claim("no log opens, and it is said why", [](const auto& path) {
    const auto wal = Wal<>::open(path).build();
    need(!wal && wal.error().message().find("supports flock") != std::string::npos, "it opens, or says something else");
  });
  return probe.failed();
}

int read_only(const std::filesystem::path& directory) {
  Probe probe(directory);
  probe.claim("a log that is there opens with read_only_file_system", [&](const auto&) {
    const auto wal = Wal<>::open(directory / "there").build();
    need(!wal, "it opens");
    need(wal.error().system() == std::errc::read_only_file_system, wal.error().message());
  });
  probe.claim("a new log does not, either", [&](const auto& path) {
    const auto wal = Wal<>::open(path).build();
    need(!wal && wal.error().system() == std::errc::read_only_file_system, "it opens, or says something else");
  });
  probe.claim("a Reader reads it", [&](const auto&) {
    need(must(must(Reader<>::open(directory / "there").build()).examine()).last_lsn == 10, "another end");
  });
  return probe.failed();
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view mode = count > 2 ? arguments[1] : "";
  const std::filesystem::path directory = arguments[count - 1];
  if (count < 2) return 2;
  if (mode == "--read-only") return read_only(directory);
  if (mode == "--no-locks") return no_locks(directory);
  Probe probe(directory);
  if (mode == "--make") {
    probe.claim("a log is made", [&](const auto&) {
      auto wal = must(Wal<>::open(directory / "there").build());
      fill(wal, 10);
      must(wal.shutdown());
    });
  } else if (mode == "--full") {
    std::ofstream(directory / "ballast") << std::string(256 << 10, 'b');
    probe.claim("a full disk is told, and what was acknowledged stays", gets_full);
    probe.claim("once there is room it goes on", makes_room);
  } else {
    probe.claim("appended, durable, closed, opened and read", opens_again);
    probe.claim("a second log is refused", locks);
    probe.claim("damage is cut, and what is cut is saved", recovers);
    probe.claim("a reader beside the writer; a copy", reads_and_copies);
    probe.claim("nothing is acknowledged into a file that was removed", misses_its_file);
    probe.claim("nor into one that was made shorter", sees_a_cut);
    probe.claim("a sparse file of 5 GiB opens", holds_five_gigabytes);
  }
  return probe.failed();
}
