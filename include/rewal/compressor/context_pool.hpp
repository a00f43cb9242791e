// SPDX-License-Identifier: MIT
//
// ContextPool: a few working contexts of a compression library, kept for the next call.
// Any thread, any number at once, without a lock; moving and destroying are not concurrent with calls. What a context
// is, and how large one may be to be worth keeping, is left to its traits.
//
// EDGE
//   P1  put back: the slot is exchanged for the context (release); partner: exchange(acquire) by whoever takes it next.
//       Without it the next user could miss what the last one left in the context.

#ifndef REWAL_COMPRESSOR_CONTEXT_POOL_HPP
#define REWAL_COMPRESSOR_CONTEXT_POOL_HPP

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

namespace rewal::detail {

/// `Traits` has a type `Context`, `make()` (null where memory is short), `destroy(Context*)` (null too) and
/// `bytes_of(Context*)`, none of which throws. At most `most_kept` contexts of at most `most_kept_bytes` each rest
/// here; the others are freed. A copy is a pool of its own and begins empty: contexts carry nothing from call to call.
template <class Traits>
class ContextPool {
 public:
  using Context = typename Traits::Context;

  static constexpr std::size_t most_kept = 4;
  static constexpr std::size_t most_kept_bytes = 1024 * 1024;

  ContextPool() noexcept = default;
  ContextPool(const ContextPool&) noexcept {}
  ContextPool& operator=(const ContextPool&) noexcept { return *this; }
  ~ContextPool() {
    for (const auto& slot : slots_)
      Traits::destroy(slot.load(std::memory_order_relaxed));  // nobody else is here any more
  }

  struct PutBack {
    ContextPool* pool;
    void operator()(Context* context) const noexcept { pool->put_back(context); }
  };
  using Lease = std::unique_ptr<Context, PutBack>;

  /// A context for the caller alone; it goes back when the lease ends. Null where memory is short.
  [[nodiscard]] Lease take() noexcept {
    for (auto& slot : slots_) {
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;  // a hint: spares the exchange
      if (Context* const kept = slot.exchange(nullptr, std::memory_order_acquire)) return {kept, PutBack{this}};  // P1
    }
    return {Traits::make(), PutBack{this}};
  }

 private:
  void put_back(Context* context) noexcept {
    if (Traits::bytes_of(context) <= most_kept_bytes) {
      for (auto& slot : slots_) {
        Context* none = nullptr;
        if (slot.compare_exchange_strong(none, context, std::memory_order_release, std::memory_order_relaxed))
          return;  // P1
      }
    }
    Traits::destroy(context);
  }

  std::array<std::atomic<Context*>, most_kept> slots_{};  // by whoever takes and puts back
};

}  // namespace rewal::detail

#endif  // REWAL_COMPRESSOR_CONTEXT_POOL_HPP
