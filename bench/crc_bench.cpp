// SPDX-License-Identifier: MIT
//
// How fast is each CRC-32C kernel, beside one stream of the processor's CRC instruction? (P9)
// All sides take turns within one run; every figure is the median of the rounds, and the ratio, not the time, is the
// result. "In a chain" each call waits for the one before, as an append waits for its checksum; "in a row" calls are
// independent, and the processor overlaps their ends and beginnings.
//
// Usage: bench_crc [rounds, at least 5; 11 if not given]

#include <rewal/codec/crc32c.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

namespace {

using namespace rewal::detail;

constexpr std::size_t sizes[] = {24, 64, 96, 128, 162, 256, 512, 1024, 4096, 13000, 65536, 1u << 20};

struct Buffers {
  std::vector<std::byte> from = std::vector<std::byte>((1u << 20) + 4096, std::byte{0x5a});
  std::vector<std::byte> to = std::vector<std::byte>((1u << 20) + 4096);
};

enum class Work { chain, row, copy, memcpy_then_crc };

/// One call of the work; `before` is the previous call's result, which a chain needs in order to know its address.
std::uint32_t work_once(Work work, const Crc32cKernel& kernel, Buffers& buffers, std::size_t size, std::size_t before) {
  const std::byte* const from = buffers.from.data() + (before & 1);
  // Elsewhere in its page than `from`: memcpy by `rep movsb` is ten times slower on Zen where the two nearly agree.
  std::byte* const to = buffers.to.data() + 2083;
  switch (work) {
    case Work::chain:
      return kernel.crc(0, nullptr, from, size);
    case Work::row:
      return kernel.crc(0, nullptr, buffers.from.data(), size);
    case Work::copy:
      return kernel.copy(0, to, from, size);
    case Work::memcpy_then_crc:
      std::memcpy(to, from, size);
      benchmark::ClobberMemory();
      return kernel.crc(0, nullptr, to, size);
  }
  return 0;
}

double nanoseconds(Work work, const Crc32cKernel& kernel, Buffers& buffers, std::size_t size) {
  const std::size_t calls = 1 + 2000000 / (size + 200);
  std::size_t result = 0;
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < calls; ++i) {
    result = work_once(work, kernel, buffers, size, result);
    benchmark::DoNotOptimize(result);
  }
  const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
  return spent.count() / static_cast<double>(calls);
}

double median(std::vector<double>& samples) {
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

struct Side {
  const char* title;
  Work work;
  const Crc32cKernel* kernel;
};

/// The least ratio to one stream that P9 asks of the chosen kernel at this size; 0 where it asks for nothing.
double bar_at(std::size_t size) {
  if (size < 96) return 0.9;
  if (size == 162) return 1.2;
  return size >= 1024 ? 2.2 : 0;
}

/// One table: GB/s of each side and its ratio to the first. With bars, returns how many the last side misses.
int print_table(const char* title, const std::vector<Side>& sides, std::size_t rounds, bool with_bars) {
  std::printf("\n%s: GB/s, and x the first column\n%8s", title, "bytes");
  for (const Side& side : sides) std::printf("%18s", side.title);
  std::printf("%s\n", with_bars ? "      bar" : "");
  static Buffers buffers;
  int missed = 0;
  for (const std::size_t size : sizes) {
    std::vector<std::vector<double>> samples(sides.size());
    for (std::size_t round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < sides.size(); ++i) {
        samples[i].push_back(nanoseconds(sides[i].work, *sides[i].kernel, buffers, size));
      }
    }
    std::printf("%8zu", size);
    double first = 0, ratio = 0;
    for (std::size_t i = 0; i < sides.size(); ++i) {
      const double middle = median(samples[i]);
      if (i == 0) first = middle;
      ratio = first / middle;
      std::printf("%10.1f %6.2fx", static_cast<double>(size) / middle, ratio);
    }
    const double bar = bar_at(size);
    if (with_bars && bar > 0) {
      std::printf("  %5.1fx %s", bar, ratio >= bar ? "met" : "MISSED");
      if (ratio < bar) ++missed;
    }
    std::printf("\n");
  }
  return missed;
}

void print_arithmetic(std::size_t rounds) {
  std::printf("\njoining two checksums: ns\n%12s", "bytes");
  for (const Crc32cKernel& kernel : crc32c_kernels()) std::printf("%12s", kernel.supported() ? kernel.name : "");
  std::printf("\n");
  for (const std::uint64_t size : {30u, 128u, 13000u, 1u << 30}) {
    std::printf("%12llu", static_cast<unsigned long long>(size));
    for (const Crc32cKernel& kernel : crc32c_kernels()) {
      if (!kernel.supported()) continue;
      std::vector<double> samples;
      for (std::size_t round = 0; round < rounds; ++round) {
        constexpr int calls = 2000;
        std::uint32_t state = 0x12345678;
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < calls; ++i) benchmark::DoNotOptimize(state = kernel.shift(state, size));
        const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
        samples.push_back(spent.count() / calls);
      }
      std::printf("%12.1f", median(samples));
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
#if !defined(NDEBUG)
  std::printf("warning: built without NDEBUG; take these figures from an optimised build\n");
#endif
  const std::size_t asked = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 11;
  const std::size_t rounds = std::max<std::size_t>(asked, 5);

  // The yardstick is one stream of the CRC instruction, or plain C++ where there is none.
  std::vector<const Crc32cKernel*> kernels;
  for (const Crc32cKernel& kernel : crc32c_kernels()) {
    if (kernel.supported()) kernels.push_back(&kernel);
  }
  const Crc32cKernel* const portable = kernels.front();
  if (kernels.size() > 1) kernels.erase(kernels.begin());
  const Crc32cKernel* const chosen = kernels.back();
  std::printf("kernel in use: %s; medians of %zu rounds\n", crc32c_active().data(), rounds);

  const auto sides_of = [&](Work work) {
    std::vector<Side> sides;
    for (const Crc32cKernel* kernel : kernels) sides.push_back({kernel->name, work, kernel});
    return sides;
  };
  auto chain = sides_of(Work::chain);
  chain.insert(chain.begin() + 1, {portable->name, Work::chain, portable});
  const int missed = print_table("reading, in a chain", chain, rounds, true);
  print_table("reading, in a row", sides_of(Work::row), rounds, false);
  auto copies = sides_of(Work::copy);
  copies.insert(copies.begin(), {"memcpy, then crc", Work::memcpy_then_crc, chosen});
  print_table("copying, in a chain", copies, rounds, false);
  print_arithmetic(rounds);
  std::printf("\nP9: %s\n", missed == 0 ? "met at every size" : "missed");
  return missed == 0 ? 0 : 1;
}
