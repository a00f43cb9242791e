// SPDX-License-Identifier: MIT
//
// G16: no call hangs. Every place where the log calls a policy {hooks, indexer, compressor, storage} is made to
// {throw, call back in, block} while {append, flush, wait_durable, shutdown, close, destructor} runs. A watchdog aborts
// with the cell's name. With a blocked policy shutdown(timeout) alone must come back, until the policy is released;
// then everything must.

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <rewal/wal.hpp>
#include <stress/hang_cell.hpp>
#include <stress/troubled_policies.hpp>
#include <string>
#include <support/harness.hpp>
#include <torture/report.hpp>

namespace {

using namespace rewal_test;
using rewal_torture::Row;

/// Runs the cell, adds it to the row, and tells what was wrong with it.
std::string run(const Cell& cell, Row& row, std::uint64_t& struck) {
  const CellGuard guard(cell.name());
  const auto on = [&](auto& cell_run) {
    std::string wrong = cell_run.run();
    ++row.count;
    struck += cell_run.struck() != 0;
    if (!wrong.empty()) ++row.violations;
    return wrong;
  };
  if (cell.where == PolicyCall::compress || cell.where == PolicyCall::decompress) {
    CellRun<TroubledWal> cell_run(cell);
    return on(cell_run);
  }
  CellRun<UncompressedTroubledWal> cell_run(cell);
  return on(cell_run);
}

}  // namespace

TEST_CASE("no call hangs, whatever a policy does", "[slow]") {
  Row row("G16", "{policy call} x {throw, call back in, block} x {call}", "cells");
  std::uint64_t struck = 0;
  std::uint64_t turn = 0;
  const std::array<SyncMode, 3> modes{SyncMode::never, SyncMode::batch, SyncMode::interval(1ms)};
  for (std::size_t where = 0; where < policy_call_names.size(); ++where) {
    for (std::size_t what = 0; what < misbehaviour_names.size(); ++what) {
      std::uint64_t struck_here = 0;
      for (std::size_t call = 0; call < log_call_names.size(); ++call) {
        const Cell cell{static_cast<PolicyCall>(where), static_cast<Misbehaviour>(what), static_cast<LogCall>(call),
                        modes[turn++ % 3]};
        INFO(cell.name());
        CHECK(run(cell, row, struck_here) == "");
      }
      // At least one of the six calls gets to where the trouble is.
      INFO(policy_call_names[where] << " " << misbehaviour_names[what]);
      CHECK(struck_here > 0);
      struck += struck_here;
    }
  }
  row.note("in_trouble", struck);
  CHECK(row.violations == 0);
}
