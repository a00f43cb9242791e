// SPDX-License-Identifier: MIT
//
// What is wrong with a crash image that a log is opened on, and with the flags of what a volume was given.

#ifndef REWAL_TESTS_TORTURE_IMAGE_JUDGE_HPP
#define REWAL_TESTS_TORTURE_IMAGE_JUDGE_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <rewal/wal.hpp>

#include <torture/oracle.hpp>
#include <torture/sim_disk.hpp>
#include <torture/sim_log.hpp>
#include <torture/workload.hpp>

namespace rewal_torture {

/// What is wrong with how the log opens this image and goes on with it; empty if nothing is. `thorough` also goes on
/// appending to it and opens it under the other policies.
template <class S>
std::string judge_image(const Directory& image, const History& history, bool thorough) {
  const auto found = image.find(log_name);
  const Image raw = found == image.end() ? Image() : found->second;
  const Decoded decoded = decode_file(raw);
  if (auto wrong = history.judge(decoded.events); !wrong.empty()) return "on disk: " + wrong;

  const auto volume = std::make_shared<SimVolume>(image);
  auto opened = open_log<S>(volume);
  if (!opened) return "refused: " + opened.error().message();
  const auto events = read_back(*opened);
  if (!events) return "unreadable: " + events.error().message();
  if (auto wrong = history.judge(*events); !wrong.empty()) return wrong;
  if (*events != decoded.events) return "the log reads other events than the oracle";
  if (opened->last_lsn() != events->size()) return "last_lsn is wrong";
  if (opened->durable_lsn() != opened->last_lsn()) return "durable_lsn is not last_lsn";
  const auto report = opened->recovery();
  if (report.kept_bytes != decoded.end || report.cut_bytes != raw.size() - decoded.end) return "the report is wrong";
  {
    const std::lock_guard lock(volume->mutex);
    const Image kept(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(decoded.end));
    if (volume->visible(log_name) != kept) return "what build() left is not what it kept";
    if (!volume->is_durable(log_name)) return "what build() left is not durable";
    if (holds_a_frame(raw, decoded.end)) {
      const Image cut(raw.begin() + static_cast<std::ptrdiff_t>(decoded.end), raw.end());
      if (report.saved_copy.empty() || volume->visible(report.saved_copy) != cut)
        return "whole frames were cut unsaved";
      if (!volume->is_durable(report.saved_copy)) return "the saved copy is not durable";
    }
  }
  if (!thorough) return {};

  History after = history;
  after.reopened(events->size());
  const Image payload = made_bytes(hash_of(raw), 333);
  after.appended({{payload, {}}}, after.last() + 1);
  if (const auto lsn = opened->append_durable(bytes_of(payload)); !lsn || *lsn != after.last())
    return "going on failed";
  after.acknowledged(after.last());
  if (!opened->shutdown()) return "shutting down failed";
  auto again = open_log<S>(volume);
  if (!again) return "refused after going on: " + again.error().message();
  const auto reread = read_back(*again);
  if (!reread) return "unreadable after going on";
  if (auto wrong = after.judge(*reread); !wrong.empty()) return "after going on: " + wrong;
  if (again->recovery().cut_bytes != 0) return "a clean log was cut";

  const auto strict_volume = std::make_shared<SimVolume>(image);
  auto strict = open_log<S>(strict_volume, {}, rewal::Recovery::strict);
  if (strict) {
    const auto same = read_back(*strict);
    if (!same || *same != decoded.events) return "strict reads other events";
  } else {
    const std::lock_guard lock(strict_volume->mutex);
    if (strict.error() != rewal::Errc::corrupted) return "strict refused: " + strict.error().message();
    if (found != image.end() && strict_volume->visible(log_name) != raw) return "strict changed what it refused";
  }
  auto truncating = open_log<S>(std::make_shared<SimVolume>(image), {}, rewal::Recovery::truncate);
  if (!truncating || truncating->last_lsn() != decoded.events.size()) return "Recovery::truncate found something else";
  return {};
}

/// Bit 1 says that everything before its frame was durable when the frame was written: never without, always with.
inline std::string judge_synced_before(const SimVolume& volume) {
  const auto content = volume.visible(log_name);
  if (!content) return {};
  for (const DecodedFrame& frame : decode_file(*content).frames) {
    const Op* first = nullptr;
    bool begins_write = false;
    for (const Op& op : volume.operations()) {
      // The last one wins: what was written there before was cut.
      if (op.kind != OpKind::write || op.name != log_name) continue;
      if (op.offset <= frame.at && frame.at < op.offset + op.size) {
        first = &op;
        begins_write = op.offset == frame.at;
      }
    }
    if (first == nullptr) continue;
    const bool all_durable = first->durable >= frame.at;
    const std::string at = " at offset " + std::to_string(frame.at);
    if (frame.synced_before && (frame.at == 0 || !all_durable)) return "bit 1 without proof" + at;
    if (!frame.synced_before && begins_write && frame.at > 0 && all_durable) return "bit 1 is missing" + at;
  }
  return {};
}

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_IMAGE_JUDGE_HPP
