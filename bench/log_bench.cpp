// SPDX-License-Identifier: MIT
//
// How fast is the log beside the system calls that it cannot do without? (P1 to P8, P10, large events)
// Each row runs its yardstick in the same process, in turn with the log; the median of the ratios is the result. Every
// row checks what it did: events counted, LSNs, files that open again.
//
// Usage: bench_log [directory for its files [rounds [rows, as p1,p5; all if not given]]]

#include "yardstick.hpp"

#include <rewal/codec/crc32c.hpp>

#include <benchmark/benchmark.h>

#include <cstring>

namespace {

using namespace bench;

constexpr std::size_t payload_bytes = 128;
constexpr std::size_t frame_bytes = 162;
constexpr int many = 1000000;

const std::string payload(payload_bytes, 'p');

rewal::Wal<> fresh_log(const Setting& setting, const char* name) {
  return must(rewal::Wal<>::open(setting.fresh(name)).build());
}

void sustained_append(const Setting& setting, unsigned threads) {
  const auto ours = [&] {
    auto wal = fresh_log(setting, "p1");
    const auto begin = Clock::now();
    on_threads(threads, [&](unsigned) {
      for (int i = 0; i < many / static_cast<int>(threads); ++i) must(wal.append(payload));
    });
    must(wal.flush());
    const double elapsed = nanoseconds_since(begin);
    must_be(wal.last_lsn() == many, "every append has its LSN");
    must(wal.shutdown());
    return elapsed / many;
  };
  const auto theirs = [&] {
    const RawFile file(setting.fresh("p1-raw"));
    const std::string piece(64 * 1024, 'r');
    const auto begin = Clock::now();
    for (std::size_t left = many * frame_bytes; left > 0;) {
      const std::size_t size = (std::min)(left, piece.size());
      file.write(piece.data(), size);
      left -= size;
    }
    return nanoseconds_since(begin) / many;
  };
  const std::string what = "sustained append, 128 B, " + std::to_string(threads) + " threads, flush included; raw `write` of 64 KiB";
  print_row("P1", what.c_str(), "ns", take_turns(setting.rounds, ours, theirs), 1.5);
}

void burst_append(const Setting& setting) {
  constexpr int bursts = 1000;
  constexpr int in_burst = 512;
  const auto ours = [&] {
    auto wal = fresh_log(setting, "p2");
    double elapsed = 0;
    for (int burst = 0; burst < bursts; ++burst) {
      const auto begin = Clock::now();
      for (int i = 0; i < in_burst; ++i) must(wal.append(payload));
      elapsed += nanoseconds_since(begin);
      must(wal.flush());
    }
    must_be(wal.last_lsn() == bursts * in_burst, "every append has its LSN");
    return elapsed / (bursts * in_burst);
  };
  const auto theirs = [&] {
    static std::vector<std::byte> memory(in_burst * frame_bytes);
    const auto* const source = reinterpret_cast<const std::byte*>(payload.data());
    const std::byte header[30]{};
    double elapsed = 0;
    for (int burst = 0; burst < bursts; ++burst) {
      const auto begin = Clock::now();
      for (std::size_t i = 0; i < in_burst; ++i) {
        std::byte* const frame = memory.data() + i * frame_bytes;
        std::uint32_t crc = rewal::detail::crc32c_copy(0, frame, header, sizeof header);
        crc = rewal::detail::crc32c_copy(crc, frame + sizeof header, source, payload_bytes);
        std::memcpy(frame + sizeof header + payload_bytes, &crc, sizeof crc);
      }
      benchmark::ClobberMemory();
      elapsed += nanoseconds_since(begin);
    }
    return elapsed / (bursts * in_burst);
  };
  print_row("P2", "append in bursts of 512; one copy and checksum of the frame", "ns", take_turns(setting.rounds, ours, theirs), 2.0);
}

void batches(const Setting& setting) {
  constexpr int times = 2000;
  auto wal = fresh_log(setting, "p3");
  auto batch = rewal::Batch::with_capacity(100);
  for (int i = 0; i < 100; ++i) batch.add(payload);
  const RawFile file(setting.fresh("p3-raw"));
  const std::string bytes(28 + 100 * (6 + payload_bytes), 'r');
  const auto ours = [&] {
    const auto begin = Clock::now();
    for (int i = 0; i < times; ++i) {
      must(wal.append_batch(batch));
      must(wal.flush());
    }
    return nanoseconds_since(begin) / times / 1000;
  };
  const auto theirs = [&] {
    const auto begin = Clock::now();
    for (int i = 0; i < times; ++i) file.write(bytes.data(), bytes.size());
    return nanoseconds_since(begin) / times / 1000;
  };
  print_row("P3", "batch of 100 x 128 B, flush included; raw `write`", "us", take_turns(setting.rounds, ours, theirs), 1.5);
}

void round_trip(const Setting& setting) {
  constexpr int times = 20000;
  auto wal = fresh_log(setting, "p4");
  const RawFile file(setting.fresh("p4-raw"));
  const std::string frame(frame_bytes, 'r');
  const auto ours = [&] {
    const auto begin = Clock::now();
    for (int i = 0; i < times; ++i) {
      must(wal.append(payload));
      must(wal.flush());
    }
    return nanoseconds_since(begin) / times;
  };
  const auto theirs = [&] {
    const auto begin = Clock::now();
    for (int i = 0; i < times; ++i) file.write(frame.data(), frame.size());
    return nanoseconds_since(begin) / times;
  };
  print_row("P4", "append and flush, one thread; raw `write` of the frame", "ns", take_turns(setting.rounds, ours, theirs), 2.5);
}

void durable_append(const Setting& setting) {
  constexpr int times = 300;
  auto wal = fresh_log(setting, "p5");
  const RawFile file(setting.fresh("p5-raw"), 16 << 20);
  const std::string frame(frame_bytes, 'r');
  const auto ours = [&] {
    const auto begin = Clock::now();
    for (int i = 0; i < times; ++i) must(wal.append_durable(payload));
    must_be(wal.durable_lsn() == wal.last_lsn(), "what was acknowledged is durable");
    return nanoseconds_since(begin) / times / 1000;
  };
  const auto theirs = [&] {
    const auto begin = Clock::now();
    for (int i = 0; i < times; ++i) {
      file.write(frame.data(), frame.size());
      file.sync();
    }
    return nanoseconds_since(begin) / times / 1000;
  };
  print_row("P5", "durable append, one thread; raw `write` and `fdatasync` into reserved space", "us",
            take_turns(setting.rounds, ours, theirs), 1.15);
}

void group_commit(const Setting& setting, unsigned threads) {
  constexpr unsigned commits = 8000;
  const unsigned each = commits / threads;
  auto wal = fresh_log(setting, "p6");
  const RawFile file(setting.fresh("p6-raw"), 64 << 20);
  LeaderCommit leader(file);
  const std::string frame(frame_bytes, 'r');
  std::vector<double> shared;
  const auto ours = [&] {
    const auto before = wal.stats();
    const auto begin = Clock::now();
    on_threads(threads, [&](unsigned) {
      for (unsigned i = 0; i < each; ++i) must(wal.append_durable(payload));
    });
    const double elapsed = nanoseconds_since(begin);
    const auto after = wal.stats();
    must_be(after.durable_lsn - before.durable_lsn == each * threads, "every commit is durable");
    shared.push_back(static_cast<double>(each * threads) / static_cast<double>(after.sync_count - before.sync_count));
    return 1e9 * each * threads / elapsed;
  };
  const auto theirs = [&] {
    const auto begin = Clock::now();
    on_threads(threads, [&](unsigned) {
      for (unsigned i = 0; i < each; ++i) leader.commit(frame.data(), frame.size());
    });
    return 1e9 * each * threads / nanoseconds_since(begin);
  };
  const std::string what = "durable append, " + std::to_string(threads) + " threads; leader group commit with plain calls";
  print_row("P6", what.c_str(), "/s", take_turns(setting.rounds, ours, theirs), 0.85, true);
  const double events = median(shared);
  print_row("P6", "events for each fsync; the number of threads", "", {events, double(threads), events / threads}, 0.9, true);
}

/// One pass over the mapped file, frame by frame, with the log's own kernel.
double checksum_pass(const std::string& path, std::size_t frame) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) die("cannot open " + path);
  const auto size = static_cast<std::size_t>(::lseek(fd, 0, SEEK_END));
  const auto begin = Clock::now();
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) die("cannot map " + path);
  const auto* const bytes = static_cast<const std::byte*>(mapped);
  std::uint32_t mixed = 0;
  for (std::size_t at = 0; at + frame <= size; at += frame) mixed ^= rewal::detail::crc32c(0, bytes + at, frame - 4);
  benchmark::DoNotOptimize(mixed);
  const double elapsed = nanoseconds_since(begin);
  ::munmap(mapped, size);
  ::close(fd);
  return elapsed / 1e6;
}

void reading(const Setting& setting) {
  constexpr std::size_t event_bytes = 256;
  constexpr std::size_t frame = event_bytes + 34;
  const std::string path = setting.fresh("p7");
  {
    auto wal = must(rewal::Wal<>::open(path).build());
    const std::string event(event_bytes, 'e');
    for (int i = 0; i < many; ++i) must(wal.append(event));
    must(wal.shutdown());
    ::sync();
  }
  const auto pass = [&] { return checksum_pass(path, frame); };
  print_row("P7", "recovery at open, 1M x 256 B, warm; one checksum pass over the mapping", "ms",
            take_turns(setting.rounds,
                       [&] {
                         const auto begin = Clock::now();
                         auto wal = must(rewal::Wal<>::open(path).build());
                         const double elapsed = nanoseconds_since(begin) / 1e6;
                         must_be(wal.last_lsn() == many, "every event is recovered");
                         return elapsed;
                       },
                       pass),
            1.3);
  auto wal = must(rewal::Wal<>::open(path).build());
  print_row("P8", "zero-copy replay of the same; the same pass", "ms",
            take_turns(setting.rounds,
                       [&] {
                         const auto begin = Clock::now();
                         std::uint64_t bytes = 0;
                         must(wal.replay(1, [&](const rewal::BorrowedEvent& e) { bytes += e.payload.size(); }));
                         must_be(bytes == many * event_bytes, "every byte is replayed");
                         return nanoseconds_since(begin) / 1e6;
                       },
                       pass),
            1.4);
  print_row("P8", "borrowed iterator over the same; the same pass", "ms",
            take_turns(setting.rounds,
                       [&] {
                         const auto begin = Clock::now();
                         std::uint64_t bytes = 0;
                         auto it = must(wal.iterator(1));
                         while (auto event = must(it.next_borrowed())) bytes += event->payload.size();
                         must_be(bytes == many * event_bytes, "every byte is read");
                         return nanoseconds_since(begin) / 1e6;
                       },
                       pass),
            1.4);
  print_row("P10", "iterator 10 events before the end, first event; opening and mapping the file", "us",
            take_turns(setting.rounds,
                       [&] {
                         const auto begin = Clock::now();
                         for (int i = 0; i < 50; ++i) {
                           auto it = must(wal.iterator(many - 10));
                           must_be(must(it.next_borrowed())->lsn == many - 10, "the seek finds its event");
                         }
                         return nanoseconds_since(begin) / 50 / 1000;
                       },
                       [&] {
                         const auto begin = Clock::now();
                         for (int i = 0; i < 50; ++i) {
                           const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
                           void* const mapped = ::mmap(nullptr, many * frame, PROT_READ, MAP_SHARED, fd, 0);
                           benchmark::DoNotOptimize(static_cast<const char*>(mapped)[many * frame - 10 * frame]);
                           ::munmap(mapped, many * frame);
                           ::close(fd);
                         }
                         return nanoseconds_since(begin) / 50 / 1000;
                       }),
            5.0);
}

void large_events(const Setting& setting, std::size_t size) {
  const std::string event(size, 'l');
  const int count = static_cast<int>((std::max<std::size_t>)(16, (128u << 20) / size));
  const double megabytes = static_cast<double>(size) * count / 1e6;
  const auto ours = [&] {
    auto wal = fresh_log(setting, "large");
    const auto begin = Clock::now();
    for (int i = 0; i < count; ++i) must(wal.append(event));
    must(wal.flush());
    const double elapsed = nanoseconds_since(begin) / 1e9;
    must(wal.shutdown());
    return megabytes / elapsed;
  };
  const auto theirs = [&] {
    const RawFile file(setting.fresh("large-raw"));
    const auto begin = Clock::now();
    for (int i = 0; i < count; ++i) file.write(event.data(), event.size());
    return megabytes / (nanoseconds_since(begin) / 1e9);
  };
  const std::string what = "events of " + std::to_string(size / 1024) + " KiB, flush included; raw `write` of each";
  print_row("large", what.c_str(), "MB/s", take_turns(setting.rounds, ours, theirs), 0.8, true);
}

}  // namespace

int main(int argc, char** argv) {
  Setting setting;
  if (argc > 1) setting.directory = argv[1];
  if (argc > 2) setting.rounds = (std::max)(1, std::atoi(argv[2]));
  const std::string rows = argc > 3 ? std::string(argv[3]) + "," : "";
  const auto wanted = [&](const char* row) { return rows.empty() || rows.find(std::string(row) + ",") != std::string::npos; };

  print_machine(setting);
  print_header();
  if (wanted("p1")) {
    for (const unsigned threads : {1u, 2u, 4u, 8u}) sustained_append(setting, threads);
  }
  if (wanted("p2")) burst_append(setting);
  if (wanted("p3")) batches(setting);
  if (wanted("p4")) round_trip(setting);
  if (wanted("p5")) durable_append(setting);
  if (wanted("p6")) {
    for (const unsigned threads : {8u, 32u}) group_commit(setting, threads);
  }
  if (wanted("p7")) reading(setting);
  if (wanted("large")) {
    for (const std::size_t size : {std::size_t{64} << 10, std::size_t{1} << 20, std::size_t{8} << 20}) large_events(setting, size);
  }
  for (const char* name : {"p1", "p1-raw", "p2", "p3", "p3-raw", "p4", "p4-raw", "p5", "p5-raw", "p6", "p6-raw", "p7", "large", "large-raw"}) {
    ::unlink(setting.path(name).c_str());
  }
  return 0;
}
