// SPDX-License-Identifier: MIT
//
// A key-value store that keeps its log short: every change is an event, and every so many events the whole map goes to
// a snapshot file, after which the events before it are dropped. Opening reads the snapshot and replays what follows.
//
//   key_value FOLDER [EVENTS-BETWEEN-SNAPSHOTS]
//
// Commands, one a line: `set KEY VALUE`, `del KEY`, `get KEY`, `count`, `files`. `ok` says that a change is durable.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "generations.hpp"

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "key_value: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(rewal::Result<T> result) {
  if (!result) fail(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Fsyncs a file, or a folder and with it the names in it.
void sync_to_disk(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 || ::fsync(file) != 0) fail(path.string() + ": " + std::strerror(errno));
  ::close(file);
}

/// Keys hold no blank, values no line end, and neither is empty. Used by one thread.
class Store {
 public:
  Store(const fs::path& folder, std::uint64_t events_between)
      : folder_(folder), log_(must(generations::Generations<>::open(folder))), events_between_(events_between) {
    fs::remove(temporary_);  // a snapshot that was not finished
    read_snapshot();
    const rewal::Lsn first = log_->first_lsn();
    if (first > snapshot_lsn_ + 1 || log_->last_lsn() < snapshot_lsn_) fail("snapshot and log do not fit together");
    must(
        log_->replay(snapshot_lsn_ + 1, [&](const auto& event) { apply(std::string(rewal::as_text(event.payload))); }));
  }

  void set(const std::string& key, const std::string& value) { change("set " + key + " " + value); }
  void erase(const std::string& key) { change("del " + key); }
  [[nodiscard]] const std::map<std::string, std::string>& map() const { return map_; }

 private:
  /// The log first, then the map: nobody reads what a crash could take back.
  void change(const std::string& command) {
    const rewal::Lsn lsn = must(log_->append_durable(command));
    apply(command);
    if (lsn - snapshot_lsn_ >= events_between_) write_snapshot(lsn);
  }

  void apply(const std::string& command) {
    const auto blank = command.find(' ', 4);
    const std::string key = command.substr(4, blank - 4);
    if (command.starts_with("set ")) map_[key] = command.substr(blank + 1);
    if (command.starts_with("del ")) map_.erase(key);
  }

  /// Durable under its name before a single event is dropped. A crash in between leaves the old snapshot with all events
  /// after it, or the new one with some that it holds already; replay begins behind it.
  void write_snapshot(rewal::Lsn lsn) {
    must(log_->roll());  // so that the files before it hold nothing newer
    std::ofstream out(temporary_, std::ios::trunc);
    out << lsn << ' ' << map_.size() << '\n';
    for (const auto& [key, value] : map_) out << "set " << key << ' ' << value << '\n';
    out.close();
    if (!out) fail("the snapshot could not be written");
    sync_to_disk(temporary_);
    fs::rename(temporary_, snapshot_);
    sync_to_disk(folder_);
    snapshot_lsn_ = lsn;
    must(log_->drop_before(lsn + 1));
  }

  void read_snapshot() {
    std::ifstream in(snapshot_);
    if (!in) return;  // none yet
    std::size_t size = 0;
    std::string line;
    in >> snapshot_lsn_ >> size;
    std::getline(in, line);
    while (std::getline(in, line)) apply(line);
    if (map_.size() != size) fail("the snapshot is damaged");
  }

  fs::path folder_;
  fs::path snapshot_ = folder_ / "snapshot";
  fs::path temporary_ = folder_ / "snapshot.new";
  std::unique_ptr<generations::Generations<>> log_;
  std::uint64_t events_between_;
  rewal::Lsn snapshot_lsn_ = 0;  // the snapshot holds the events up to it
  std::map<std::string, std::string> map_;
};

}  // namespace

int main(int argc, char** argv) {
  const fs::path folder = argc > 1 ? argv[1] : "key-value";
  Store store(folder, argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1000);
  for (std::string command, key, value; std::cin >> command;) {
    if (command == "set" && std::cin >> key && std::getline(std::cin >> std::ws, value)) {
      store.set(key, value);
      std::cout << "ok" << std::endl;
    } else if (command == "del" && std::cin >> key) {
      store.erase(key);
      std::cout << "ok" << std::endl;
    } else if (command == "get" && std::cin >> key) {
      const auto found = store.map().find(key);
      std::cout << (found == store.map().end() ? "none" : "= " + found->second) << std::endl;
    } else if (command == "count") {
      std::cout << store.map().size() << std::endl;
    } else if (command == "files") {
      std::cout << std::distance(fs::directory_iterator(folder), {}) << std::endl;
    } else {
      fail("no such command: " + command);
    }
  }
}
