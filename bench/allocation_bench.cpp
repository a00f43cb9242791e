// SPDX-License-Identifier: MIT
//
// How often does an append allocate memory, once the log runs? (P11) Every operator new of the program is counted, by
// the calling thread and by others, and each kind of call must make none. What the log's own thread makes is told
// beside it.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/question.hpp"
#include "harness/setting.hpp"

namespace {

std::atomic<std::uint64_t> allocations{0};
thread_local std::uint64_t own_allocations = 0;

void* allocate(std::size_t size, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  ++own_allocations;
  size = (size + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, size == 0 ? alignment : size);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

// The forms that are left out call these.
void* operator new(std::size_t size) { return allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

using namespace bench;

/// `act` makes one call on the log and is told its number.
template <class Act>
void ask_how_often(const std::string& row, const std::string& what, std::uint64_t times, Act act) {
  ask({.row = row,
       .what = "allocations by the caller in " + std::to_string(times) + " calls of " + what,
       .unit = "allocations",
       .bar = 0.0,
       .reach = 0.0},
      [=](Notes& notes) -> std::vector<Side> {
        return {{"rewal", [=, &notes] {
                   const std::uint64_t at_first = allocations.load();
                   auto log = fresh_log("log");
                   must_be(allocations.load() > at_first, "allocations are counted");
                   auto batch = rewal::Batch::with_capacity(100);
                   const auto call = [&](std::uint64_t i) { act(*log, batch, i); };
                   for (std::uint64_t i = 0; i < times; ++i) call(i);
                   must(log->flush());
                   const std::uint64_t before = allocations.load();
                   const std::uint64_t own_before = own_allocations;
                   for (std::uint64_t i = 0; i < times; ++i) call(i);
                   const std::uint64_t own = own_allocations - own_before;
                   notes.add("by the log's thread", static_cast<double>(allocations.load() - before - own));
                   return static_cast<double>(own);
                 }}};
      });
}

}  // namespace

void bench::questions() {
  using Log = rewal::Wal<>;
  const std::uint64_t many = setting().count(100000);
  ask_how_often("P11/append", "append", many,
                [](Log& log, rewal::Batch&, std::uint64_t) { must(log.append(payload)); });
  ask_how_often("P11/append_with_meta", "append_with_meta", many,
                [](Log& log, rewal::Batch&, std::uint64_t) { must(log.append_with_meta(payload, "meta")); });
  ask_how_often("P11/append_batch", "append_batch, the batch cleared and filled again", setting().count(5000),
                [](Log& log, rewal::Batch& batch, std::uint64_t) {
                  batch.clear();
                  for (int i = 0; i < 100; ++i) batch.add(payload);
                  must(log.append_batch(batch));
                });
  ask_how_often("P11/flush", "append and flush", many, [](Log& log, rewal::Batch&, std::uint64_t) {
    must(log.append(payload));
    must(log.flush());
  });
  ask_how_often("P11/append_durable", "append_durable", setting().count(500),
                [](Log& log, rewal::Batch&, std::uint64_t) { must(log.append_durable(payload)); });
}
