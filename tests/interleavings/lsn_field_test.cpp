// SPDX-License-Identifier: MIT
//
// Claims whose batches fill the LSN field of the claim's word: a producer that sees a place given back and not the LSNs
// that came with it would take LSNs that are wrong by a whole turn of the field. The edge R5, by its order of stores.

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <memory>
#include <rewal/queue/claims.hpp>

#include "model_threads.hpp"
#include "play.hpp"
#include "scheduler.hpp"

namespace {

using namespace rewal_model;

/// A queue of 1 GiB has the smallest field. Half of it is in flight when the play begins.
struct FieldPlay final : Play<FieldPlay> {
  using Claims = rewal::detail::Claims<ModelThreads>;
  static constexpr std::uint32_t half = (1u << 27) + 8;
  static constexpr std::uint32_t frame_bytes = 34;

  Claims claims{1u << 30, 1u << 30, 1u << 24, 1};

  FieldPlay() {
    check(claims.try_claim(frame_bytes, half, rewal::detail::Wake::writer).first_lsn == 1, "not the first");
  }

  void give_back() { claims.release(frame_bytes, 1, 1 + rewal::Lsn{half}); }

  void claim_twice() {
    const auto second = claims.try_claim(frame_bytes, half, rewal::detail::Wake::writer);
    if (!second) return;  // both halves are more than the field can tell apart
    check(second.first_lsn == 1 + rewal::Lsn{half}, "the second batch has a wrong LSN");
    const auto third = claims.try_claim(frame_bytes, 1, rewal::detail::Wake::writer);
    if (third) check(third.first_lsn == 1 + 2 * rewal::Lsn{half}, "the third batch has a wrong LSN");
  }
};

}  // namespace

TEST_CASE("a producer that finds a place given back takes the LSNs that follow those given back with it") {
  const auto explored = explore(
      Limits{}, FieldPlay::of({[](FieldPlay& play) { play.claim_twice(); }, [](FieldPlay& play) { play.give_back(); }},
                              [] { return std::make_unique<FieldPlay>(); }));
  INFO(explored.schedule);
  CHECK(explored.violation == "");
  CHECK(explored.exhausted);
}
