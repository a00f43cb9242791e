// SPDX-License-Identifier: MIT

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <rewal/compressor/context_pool.hpp>
#include <stdexcept>
#include <support/harness.hpp>
#include <vector>

using namespace rewal_test;

namespace {

struct Counted {
  struct Context {
    std::size_t bytes = 100;
    std::atomic<int> users{0};
  };
  static inline std::atomic<int> alive{0};
  static inline std::atomic<int> made{0};
  static inline std::atomic<bool> no_memory{false};

  static Context* make() noexcept {
    if (no_memory) return nullptr;
    ++alive;
    ++made;
    return new Context;
  }
  static void destroy(Context* context) noexcept {
    if (context == nullptr) return;
    --alive;
    delete context;
  }
  static std::size_t bytes_of(const Context* context) noexcept { return context->bytes; }
};

using Pool = rewal::detail::ContextPool<Counted>;

}  // namespace

TEST_CASE("a context that went back is taken again", "[context_pool]") {
  Counted::made = 0;
  {
    Pool pool;
    for (int i = 0; i < 10; ++i) CHECK(pool.take() != nullptr);
    CHECK(Counted::made == 1);
  }
  CHECK(Counted::alive == 0);
}

TEST_CASE("a burst leaves four contexts behind, and a large one none", "[context_pool]") {
  {
    Pool pool;
    {
      std::vector<Pool::Lease> leases;
      for (int i = 0; i < 10; ++i) leases.push_back(pool.take());
      CHECK(Counted::alive == 10);
    }
    CHECK(Counted::alive == 4);
    const Pool copy = pool;
    {
      std::vector<Pool::Lease> leases;
      for (int i = 0; i < 4; ++i) leases.push_back(pool.take());
      for (auto& lease : leases) lease->bytes = Pool::most_kept_bytes + 1;
    }
    CHECK(Counted::alive == 0);
  }
  CHECK(Counted::alive == 0);
}

TEST_CASE("where memory is short there is no context", "[context_pool]") {
  Counted::no_memory = true;
  Pool pool;
  CHECK(pool.take() == nullptr);
  Counted::no_memory = false;
  CHECK(pool.take() != nullptr);
}

TEST_CASE("no context is ever in two hands", "[context_pool]") {
  {
    Pool pool;
    std::atomic<int> shared{0};
    together(6, [&](std::size_t) {
      for (std::size_t i = 0; i < volume(20'000); ++i) {
        const auto lease = pool.take();
        if (lease == nullptr) throw std::runtime_error("there is memory");
        if (lease->users.fetch_add(1) != 0) ++shared;
        lease->users.fetch_sub(1);
      }
    });
    CHECK(shared == 0);
  }
  CHECK(Counted::alive == 0);
}
