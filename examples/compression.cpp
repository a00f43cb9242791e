// SPDX-License-Identifier: MIT
//
// What compression saves: the same events with each compressor, one by one and in batches. A frame is compressed by
// itself, so that a batch of similar events shrinks far more than an event of a hundred bytes alone; one that does not
// shrink is stored as it is.
//
//   compression [FOLDER]
//
// A compressed log is read with the compressor that it was written with. stats().compressed_bytes says what was saved.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#if EXAMPLE_LZ4
#include <rewal/compressor/lz4.hpp>
#endif
#if EXAMPLE_ZSTD
#include <rewal/compressor/zstd.hpp>
#endif
#include <rewal/reader.hpp>
#include <rewal/wal.hpp>

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "compression: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(rewal::Result<T> result) {
  if (!result) fail(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Lines as a web server writes them.
std::vector<std::string> make_events() {
  const char* const paths[] = {"/", "/orders", "/orders/latest", "/customers/search", "/static/site.css"};
  std::vector<std::string> events;
  std::uint32_t random = 1;
  for (int i = 0; i < 20'000; ++i) {
    random = random * 1664525 + 1013904223;
    events.push_back("{\"time\":\"2026-01-01T12:" + std::to_string(10 + i / 400) + ":00Z\",\"client\":\"192.0.2." +
                     std::to_string(random >> 26) + "\",\"method\":\"GET\",\"path\":\"" + paths[(random >> 16) % 5] +
                     "\",\"status\":200,\"bytes\":" + std::to_string(random >> 18) + "}");
  }
  return events;
}

/// Writes the events, reads them back with a Reader, and says what they took.
template <class C>
double bytes_an_event(const fs::path& path, const C& compressor, const std::vector<std::string>& events,
                      std::size_t batch_size) {
  fs::remove(path);
  auto wal = must(rewal::Wal<>::open(path).compressor(compressor).build());
  auto batch = rewal::Batch::with_capacity(batch_size);
  for (std::size_t i = 0; i < events.size(); ++i) {
    batch.add(events[i]);
    if (batch.size() < batch_size && i + 1 < events.size()) continue;
    must(wal.append_batch(batch));
    batch.clear();
  }
  must(wal.flush());
  const rewal::Stats stats = wal.stats();
  must(wal.shutdown());

  const auto reader = must(rewal::Reader<>::open(path).compressor(compressor).build());
  std::size_t same = 0;
  must(reader.replay(1, [&](const rewal::BorrowedEvent& event) {
    if (rewal::as_text(event.payload) == events[event.lsn - 1]) ++same;
  }));
  if (same != events.size()) fail("the events that were read are others");
  if (stats.file_size != fs::file_size(path)) fail("the file has another size than stats() says");
  return static_cast<double>(stats.file_size) / static_cast<double>(events.size());
}

template <class C>
double show(const char* name, const fs::path& path, const C& compressor, const std::vector<std::string>& events) {
  double least = 0;
  std::printf("%-8s", name);
  for (const std::size_t batch_size : {1u, 10u, 100u, 1000u})
    std::printf("%10.1f", least = bytes_an_event(path, compressor, events, batch_size));
  std::printf("\n");
  return least;
}

}  // namespace

int main(int argc, char** argv) {
  const fs::path folder = argc > 1 ? argv[1] : ".";
  fs::create_directories(folder);
  const auto events = make_events();
  std::printf("bytes an event, in batches of\n              1        10       100      1000\n");
  const double plain = show("none", folder / "plain.wal", rewal::NoCompressor{}, events);
#if EXAMPLE_LZ4
  const double lz4 = show("lz4", folder / "lz4.wal", rewal::Lz4{}, events);
  std::printf("lz4: %.1f times smaller than none, in batches of 1000\n", plain / lz4);
#endif
#if EXAMPLE_ZSTD
  const double zstd = show("zstd", folder / "zstd.wal", rewal::Zstd{3}, events);
  std::printf("zstd: %.1f times smaller than none, in batches of 1000\n", plain / zstd);
  // Who opens it without the compressor is told so, and nothing is changed.
  const auto blind =
      must(rewal::Wal<>::open(folder / "zstd.wal").build()).replay(1, [](const rewal::BorrowedEvent&) {});
  if (blind || blind.error() != rewal::Errc::compressor_required) fail("a compressed log was read without compressor");
  std::printf("%s\n", blind.error().message().c_str());
#endif
  if (plain < 100) fail("the events are smaller than they are");
}
