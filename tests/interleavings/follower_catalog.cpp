// SPDX-License-Identifier: MIT
//
// What is played on a follower of a file that others write and sync.

#include "catalog.hpp"
#include "follower_play.hpp"

namespace rewal_model {
namespace {

using rewal::Follow;
using rewal::detail::Ending;
using F = FollowedFile;

Make file_of(Follow what, std::vector<F::Body> bodies) {
  return F::of(std::move(bodies), [what] { return std::make_unique<F>(what); });
}

std::vector<Entry> make_catalog() {
  const auto takes = [](unsigned events) { return F::Body([=](F& f) { f.take(events); }); };
  const F::Body takes_all = [](F& f) { f.take_all(); };
  const F::Body writes = [](F& f) { f.write(); };
  const F::Body writes_two = [](F& f) { f.write(2); };
  const F::Body writes_twice = [](F& f) {
    f.write();
    f.write();
  };
  const F::Body writes_and_ends = [](F& f) {
    f.write();
    f.end(Ending::finished);
  };
  const F::Body syncs = [](F& f) { f.write_and_sync(); };
  const F::Body syncs_and_ends = [](F& f) {
    f.write_and_sync();
    f.end(Ending::finished);
  };
  const F::Body syncs_for_followers = [](F& f) { f.sync_for_followers(); };
  const F::Body stops = [](F& f) { f.follower->stop(); };
  const F::Body fails = [](F& f) { f.fail(); };
  const F::Body discards = [](F& f) { f.end(Ending::discarded); };
  const F::Body polls = [](F& f) { f.poll_until(1); };
  return {
      {"written, one producer", file_of(Follow::written, {takes(1), writes})},
      {"written, one producer, two events in one write", file_of(Follow::written, {takes(2), writes_two})},
      {"written, one producer twice", file_of(Follow::written, {takes(2), writes_twice}), 2, 1, 1},
      {"written, two producers", file_of(Follow::written, {takes(2), writes, writes}), 0, 0, 0},
      {"written, to the end", file_of(Follow::written, {takes_all, writes_and_ends}), 2, 1, 1},
      {"durable, one producer who syncs", file_of(Follow::durable, {takes(1), syncs}), 2, 1, 1},
      {"durable, two producers who sync", file_of(Follow::durable, {takes(2), syncs, syncs}), 0, 0, 0, true},
      {"durable, to the end", file_of(Follow::durable, {takes_all, syncs_and_ends}), 1, 0, 1},
      {"durable, one producer who writes alone", file_of(Follow::durable, {takes(1), writes, syncs_for_followers}), 1,
       0, 0},
      {"durable, polling", file_of(Follow::durable, {polls, writes, syncs_for_followers}), 0, 0, 0, true},
      {"stopped", file_of(Follow::durable, {takes_all, stops})},
      {"stopped beside a producer", file_of(Follow::written, {takes_all, writes, stops}), 0, 0, 0},
      {"failed", file_of(Follow::written, {takes_all, fails})},
      {"discarded", file_of(Follow::durable, {takes_all, discards})},
  };
}

}  // namespace

const std::vector<Entry>& follower_catalog() {
  static const std::vector<Entry> all = make_catalog();
  return all;
}

}  // namespace rewal_model
