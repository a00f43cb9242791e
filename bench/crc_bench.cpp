// SPDX-License-Identifier: MIT
//
// How fast is each CRC-32C kernel, beside one stream of the processor's CRC instruction? (P9) "In a chain" each call
// waits for the one before, as an append waits for its checksum; "in a row" calls are independent, and the processor
// overlaps their ends and beginnings. The log's side is the kernel that it chooses on this machine.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <rewal/crc32c/crc32c.hpp>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/question.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;
using rewal::detail::Crc32cKernel;

enum class Work { chain, row, copy, memcpy_then_crc };

struct Buffers {
  std::vector<std::byte> from = std::vector<std::byte>((1u << 20) + 4096, std::byte{0x5a});
  std::vector<std::byte> to = std::vector<std::byte>((1u << 20) + 4096);
};

/// One call of the work; `before` is the previous call's result, which a chain needs in order to know its address.
std::uint32_t work_once(Work work, const Crc32cKernel& kernel, Buffers& buffers, std::size_t size, std::size_t before) {
  const std::byte* const from = buffers.from.data() + (before & 1);
  // Elsewhere in its page than `from`: memcpy by `rep movsb` is ten times slower on Zen where the two nearly agree.
  std::byte* const to = buffers.to.data() + 2083;
  switch (work) {
    case Work::chain: return kernel.crc(0, nullptr, from, size);
    case Work::row: return kernel.crc(0, nullptr, buffers.from.data(), size);
    case Work::copy: return kernel.copy(0, to, from, size);
    case Work::memcpy_then_crc:
      std::memcpy(to, from, size);
      benchmark::ClobberMemory();
      return kernel.crc(0, nullptr, to, size);
  }
  return 0;
}

double gigabytes_per_second(Work work, const Crc32cKernel& kernel, Buffers& buffers, std::size_t size) {
  const std::uint64_t calls = setting().count(1 + 20000000 / (size + 200));
  std::size_t result = 0;
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < calls; ++i) {
    result = work_once(work, kernel, buffers, size, result);
    benchmark::DoNotOptimize(result);
  }
  return static_cast<double>(size * calls) / nanoseconds_since(begin);
}

/// Those this processor has, the chosen one first, then one stream of the CRC instruction (or plain C++ where there is
/// none): the yardstick.
std::vector<const Crc32cKernel*> kernels() {
  std::vector<const Crc32cKernel*> all;
  for (const Crc32cKernel& kernel : rewal::detail::crc32c_kernels()) {
    if (kernel.supported()) all.push_back(&kernel);
  }
  const Crc32cKernel* const yardstick = all.size() > 1 ? all[1] : all[0];
  std::vector<const Crc32cKernel*> ordered{all.back(), yardstick};
  for (const Crc32cKernel* const kernel : all) {
    if (kernel != all.back() && kernel != yardstick) ordered.push_back(kernel);
  }
  return ordered;
}

void must_agree(std::size_t size, Buffers& buffers) {
  const Crc32cKernel& plain = rewal::detail::crc32c_kernels().front();
  for (const Crc32cKernel* const kernel : kernels()) {
    must_be(kernel->crc(0, nullptr, buffers.from.data(), size) == plain.crc(0, nullptr, buffers.from.data(), size),
            "every kernel gives the same checksum");
  }
}

/// The least ratio to one stream that P9 asks of the chosen kernel at this size.
std::optional<double> bar_at(std::size_t size) {
  if (size < 96) return 0.97;
  if (size == 162) return 1.4;
  if (size >= 1024) return 2.6;
  return std::nullopt;
}

/// What the best known kernel makes of it at this size.
std::optional<double> reach_at(std::size_t size) {
  switch (size) {
    case 64: return 1.0;
    case 4096: return 2.8;
    case 65536: return 4.0;
    default: return std::nullopt;
  }
}

void ask_for_reading(std::size_t size, Work work, const std::string& row, const std::string& how) {
  const std::string bytes = std::to_string(size);
  Question question{.row = row + bytes,
                    .what = "CRC-32C of " + bytes + " bytes, " + how + "; one stream of the CRC instruction",
                    .unit = "GB/s",
                    .better = Better::more};
  if (work == Work::chain) {
    question.bar = bar_at(size);
    question.reach = reach_at(size);
  }
  ask(question, [=](Notes&) -> std::vector<Side> {
    const auto buffers = std::make_shared<Buffers>();
    must_agree(size, *buffers);
    std::vector<Side> sides;
    for (const Crc32cKernel* const kernel : kernels()) {
      const std::string name = sides.empty() ? "rewal" : kernel->name;
      sides.push_back({name, [=] { return gigabytes_per_second(work, *kernel, *buffers, size); }});
    }
    return sides;
  });
}

void ask_for_copying(std::size_t size) {
  const std::string bytes = std::to_string(size);
  ask({.row = "crc/copy/bytes:" + bytes,
       .what = "copying " + bytes + " bytes with their CRC-32C, in a chain; memcpy, then the CRC of the copy",
       .unit = "GB/s",
       .better = Better::more},
      [=](Notes&) -> std::vector<Side> {
        const auto buffers = std::make_shared<Buffers>();
        const Crc32cKernel* const chosen = kernels().front();
        return {
            {"rewal", [=] { return gigabytes_per_second(Work::copy, *chosen, *buffers, size); }},
            {"memcpy_then_crc", [=] { return gigabytes_per_second(Work::memcpy_then_crc, *chosen, *buffers, size); }}};
      });
}

}  // namespace

void bench::questions() {
  for (const std::size_t size : {24u, 64u, 96u, 128u, 162u, 256u, 512u, 1024u, 4096u, 13000u, 65536u, 1u << 20}) {
    ask_for_reading(size, Work::chain, "P9/bytes:", "in a chain");
  }
  for (const std::size_t size : {64u, 162u, 1024u, 65536u})
    ask_for_reading(size, Work::row, "crc/row/bytes:", "in a row");
  for (const std::size_t size : {64u, 162u, 1024u, 65536u}) ask_for_copying(size);
}
