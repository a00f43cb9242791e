// SPDX-License-Identifier: MIT
//
// Appending: from the caller's bytes to a published frame in the queue.
// Runs on the appending threads, any number at once. A refused append takes no LSN and changes nothing but counters.
// Writing and syncing what was published is left to whoever takes the pen.

#ifndef REWAL_LOG_APPENDING_HPP
#define REWAL_LOG_APPENDING_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/codec/batch.hpp>
#include <rewal/codec/compressor.hpp>
#include <rewal/codec/format.hpp>
#include <rewal/codec/frame_sink.hpp>
#include <rewal/codec/records.hpp>
#include <rewal/error.hpp>
#include <rewal/log/core.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/platform.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/out_of_memory.hpp>
#include <rewal/sync/ring.hpp>

namespace rewal::detail {

/// Who sees to it that the event is written: the writer thread, or the caller, who waits for it.
enum class Append : std::uint8_t { queued, awaited };

/// A frame that has no LSN yet: one record, or a region of records.
struct Unnumbered {
  Bytes payload;  // of the one record, or the region
  Bytes meta;     // of the one record
  std::uint32_t count = 1;
  std::uint16_t flags = 0;
  bool is_region = false;

  [[nodiscard]] std::uint64_t frame_bytes() const noexcept {
    return format::frame_overhead + (is_region ? payload.size() : record_bytes(payload, meta));
  }
  template <class Sink>
  void encode(Sink sink, Lsn first_lsn) const noexcept {
    format::Header header;
    header.flags = flags;
    header.count = count;
    header.first_lsn = first_lsn;
    header.size = static_cast<std::uint32_t>(frame_bytes());
    if (is_region) {
      sink.put_region_frame(header, payload);
    } else {
      sink.put_record_frame(header, payload, meta);
    }
  }
};

template <class Core>
class Appending {
 public:
  explicit Appending(Core& core) noexcept : core_(core) {}

  [[nodiscard]] Result<Lsn> one(Bytes payload, Bytes meta, Append how) {
    if (const auto refusal = refused_outright()) return *refusal;
    if (meta.size() > format::max_meta_bytes) {
      core_.hooks.before_append(Events(payload, meta));
      return Error(Errc::invalid_record, "the meta is over 65535 bytes: put what is long into the payload");
    }
    const Unnumbered frame{payload, meta, 1, 0, false};
    return append(frame, Events(payload, meta), how);
  }

  [[nodiscard]] Result<Lsn> batch(const Batch& batch, Append how) {
    if (const auto refusal = refused_outright()) return *refusal;
    if (BatchAccess::spoiled(batch)) {
      core_.hooks.before_append(Events(BatchAccess::region(batch), batch.size()));
      return Error(Errc::invalid_record,
                   "a record over the format's limits was added to the batch: clear() it and leave that record out");
    }
    if (batch.empty()) return Errc::empty_batch;
    const Bytes region = BatchAccess::region(batch);
    const Unnumbered frame{region, {}, BatchAccess::count(batch), 0, true};
    return append(frame, Events(region, batch.size()), how);
  }

 private:
  using Threads = typename Core::Threads;

  static constexpr unsigned spins_before_yielding = 200;
  static constexpr unsigned yields_before_sleeping = 50;
  static constexpr std::size_t most_kept_scratch = 16 * 1024;

  [[nodiscard]] std::optional<Error> refused_outright() const noexcept {
    if (REWAL_UNLIKELY(core_.inside_policy())) return Error(Errc::invalid_state);
    if (REWAL_LIKELY(!core_.ring.is_sealed())) return std::nullopt;
    return why_sealed();
  }
  /// Whoever seals says why right after it.
  [[nodiscard]] Error why_sealed() const noexcept {
    for (;;) {
      if (const auto error = core_.out_of_service(State::draining)) return *error;
      Threads::yield();
    }
  }

  [[nodiscard]] Result<Lsn> append(const Unnumbered& frame, const Events& events, Append how) {
    core_.hooks.before_append(events);
    if (frame.frame_bytes() > (std::min)(core_.options.max_frame_bytes, format::max_frame_bytes)) {
      return Error(Errc::invalid_record, "the frame is over max_frame_bytes: append less at once, or raise that limit");
    }
    if constexpr (Core::compresses) {
      return append_compressed(frame, how);
    } else {
      return enqueue(frame, how);
    }
  }

  // ---- compression -----------------------------------------------------------------------------------------------

  [[nodiscard]] Result<Lsn> append_compressed(const Unnumbered& frame, Append how) {
    std::vector<std::byte> plain = take_scratch();
    std::vector<std::byte> packed = take_scratch();
    const Result<Lsn> lsn = compress_and_enqueue(frame, how, plain, packed);
    give_back(std::move(plain));
    give_back(std::move(packed));
    return lsn;
  }

  [[nodiscard]] Result<Lsn> compress_and_enqueue(const Unnumbered& frame, Append how, std::vector<std::byte>& plain,
                                                 std::vector<std::byte>& packed) {
    Bytes region = frame.payload;
    if (!frame.is_region) {
      const Result<void> encoded = encode_record(frame, plain);
      if (!encoded) return encoded.error();
      region = plain;
    }
    {
      const PolicyScope scope(core_.side.get());
      const Result<void> done = compress_guarded(core_.side->compressor, region, packed);
      if (!done) return done.error();
    }
    const std::size_t plain_bytes = region.size();
    if (plain.capacity() > most_kept_scratch) plain = std::vector<std::byte>();  // it may have to wait; {} would keep it
    if (packed.size() >= plain_bytes) {
      if (packed.capacity() > most_kept_scratch) packed = std::vector<std::byte>();
      return enqueue(frame, how);
    }
    const std::size_t saved = plain_bytes - packed.size();
    const Result<Lsn> lsn = enqueue({packed, {}, frame.count, format::flag_compressed, true}, how);
    if (lsn && *lsn != 0) core_.compressed_bytes.fetch_add(saved, std::memory_order_relaxed);
    return lsn;
  }

  [[nodiscard]] static Result<void> encode_record(const Unnumbered& frame, std::vector<std::byte>& to) noexcept {
    REWAL_TRY {
      to.resize(format::record_header_bytes);
      store_record_header(to.data(), frame.payload, frame.meta);
      to.insert(to.end(), frame.meta.begin(), frame.meta.end());
      to.insert(to.end(), frame.payload.begin(), frame.payload.end());
      return {};
    }
    REWAL_CATCH_ALL { return not_enough_memory(); }
  }

  [[nodiscard]] std::vector<std::byte> take_scratch() noexcept {
    const std::lock_guard lock(core_.scratch_mutex);
    if (core_.scratch.empty()) return {};
    std::vector<std::byte> buffer = std::move(core_.scratch.back());
    core_.scratch.pop_back();
    return buffer;
  }
  void give_back(std::vector<std::byte> buffer) noexcept {
    constexpr std::size_t most_kept = 16;
    if (buffer.capacity() > most_kept_scratch) return;
    buffer.clear();
    const std::lock_guard lock(core_.scratch_mutex);
    if (core_.scratch.size() == most_kept) return;
    REWAL_TRY { core_.scratch.push_back(std::move(buffer)); }
    REWAL_CATCH_ALL {}
  }

  // ---- the queue -------------------------------------------------------------------------------------------------

  [[nodiscard]] Result<Lsn> enqueue(const Unnumbered& frame, Append how) {
    const auto size = static_cast<std::uint32_t>(frame.frame_bytes());
    if (REWAL_UNLIKELY(is_large(size, frame.count))) return enqueue_large(frame, size, how);
    const Wake wake = how == Append::awaited ? Wake::nobody : Wake::writer;
    Claim claim = core_.ring.try_claim(size, frame.count, wake);
    if (REWAL_UNLIKELY(!claim)) {
      while (claim.refusal == Refusal::held && !blocks() && core_.ring.empty()) {
        Threads::yield();  // a large frame is about to go in, or gives up
        claim = core_.ring.try_claim(size, frame.count, wake);
      }
      if (must_wait(claim)) {
        claim = wait_for_room(size, false, [&](bool holding) {
          return holding ? core_.ring.try_claim_held(size, frame.count)
                         : core_.ring.try_claim(size, frame.count, wake);
        });
      }
      if (!claim) return refuse(claim.refusal, frame.count, how);
    }
    if (REWAL_UNLIKELY(claim.overdrawn)) {
      while (core_.ring.still_overdrawn(claim)) {
        if (core_.writer.failed() || core_.writer.abandoned()) return why_sealed();
        Threads::yield();
      }
    }
    const RingSpan<std::byte> room = core_.ring.room(claim);
    frame.encode(FrameSink(room.first, room.second), claim.first_lsn);
    core_.ring.publish(claim);
    if (REWAL_UNLIKELY(claim.owes_wake_up)) wake_writer_from_rest(claim);
    return claim.first_lsn + (frame.count - 1);
  }

  [[nodiscard]] bool is_large(std::uint32_t size, std::uint32_t records) const noexcept {
    return size > core_.ring.capacity_bytes() || records > core_.ring.capacity_records();
  }

  /// A frame larger than the queue goes in alone. Its memory is taken by the holder, so that there is one at a time.
  [[nodiscard]] Result<Lsn> enqueue_large(const Unnumbered& frame, std::uint32_t size, Append how) {
    LargeRest rest;
    bool no_memory = false;
    const auto attempt = [&] {
      Claim claim;
      claim.refusal = core_.ring.is_sealed() ? Refusal::sealed : Refusal::full;
      if (!core_.ring.empty()) return claim;
      if (rest == nullptr) {
        rest.reset(new (std::nothrow) std::byte[core_.ring.large_rest_bytes(size)]);
        no_memory = rest == nullptr;
        if (no_memory) return claim;
      }
      return core_.ring.try_claim_large(size, frame.count, true);
    };
    Claim claim;
    if (blocks()) {
      claim = wait_for_room(size, true, [&](bool) {
        Claim next = attempt();
        if (no_memory) next.refusal = Refusal::sealed;  // no sense in waiting on
        return next;
      });
    } else if (claim.refusal = core_.ring.try_hold(); claim) {
      claim = attempt();
      if (!claim) core_.ring.release_hold();
    }
    if (no_memory) return not_enough_memory();
    if (!claim) return refuse(claim.refusal, frame.count, how);
    const RingSpan<std::byte> room = core_.ring.large_room(claim, std::move(rest));
    if (claim.owes_wake_up) wake_writer_from_rest(claim);
    frame.encode(FrameSink(room.first, room.second, LargeProgress{&core_}), claim.first_lsn);
    return claim.first_lsn + (frame.count - 1);
  }

  /// Lets the writer begin with a large frame while its end is still being copied.
  struct LargeProgress {
    static constexpr std::size_t every_bytes = 256 * 1024;
    Core* core;
    void operator()(std::size_t complete) const noexcept {
      core->ring.publish_large(complete);
      core->wake_writer();
    }
  };

  /// The claim has ended the writer's rest already; what is left is to tell it, and since when there is something.
  void wake_writer_from_rest(const Claim& claim) {
    if (claim.ended_sleep && core_.times_tail()) core_.writer.note_quiet(Threads::now());
    core_.rest.notify_all();
  }

  [[nodiscard]] bool blocks() const noexcept { return core_.options.backpressure == Backpressure::block; }
  [[nodiscard]] bool must_wait(const Claim& claim) const noexcept {
    return blocks() && (claim.refusal == Refusal::full || claim.refusal == Refusal::held);
  }

  /// Tries again until there is room or there never will be. A frame that needs much of the queue takes the queue for
  /// itself while it waits, so that small ones cannot starve it; they wait behind it.
  template <class Attempt>
  [[nodiscard]] Claim wait_for_room(std::uint32_t size, bool is_large, Attempt attempt) {
    const bool needs_hold = is_large || size > core_.ring.capacity_bytes() / 4;
    bool holding = false;
    const auto again = [&]() -> Claim {
      if (needs_hold && !holding) {
        Claim claim;
        claim.refusal = core_.ring.try_hold();
        if (claim.refusal != Refusal::none) return claim;
        holding = true;
      }
      return attempt(holding);
    };
    const auto waits_on = [](const Claim& claim) {
      return claim.refusal == Refusal::full || claim.refusal == Refusal::held;
    };
    Claim claim = again();
    for (unsigned i = 0; waits_on(claim) && i < spins_before_yielding + yields_before_sleeping; ++i) {
      if (i < spins_before_yielding) {
        Threads::pause();
      } else {
        Threads::yield();
      }
      claim = again();
    }
    while (waits_on(claim)) {
      const auto key = core_.room.prepare();
      claim = again();
      if (!waits_on(claim)) {
        core_.room.cancel();
        break;
      }
      core_.wake_writer();
      core_.room.sleep(key);
      claim = again();
    }
    if (holding && !(claim && is_large)) {  // a large frame's hold ends with its consumption
      core_.ring.release_hold();
      core_.room.notify_all();
    }
    return claim;
  }

  [[nodiscard]] Result<Lsn> refuse(Refusal why, std::uint32_t count, Append how) {
    switch (why) {
      case Refusal::lsns_exhausted:
        return Error(Errc::invalid_lsn, "the log's LSNs are used up: nothing more can be appended to this file");
      case Refusal::sealed: return why_sealed();
      default: break;
    }
    if (core_.options.backpressure != Backpressure::drop || how == Append::awaited) return Errc::queue_full;
    core_.drops.fetch_add(count, std::memory_order_relaxed);
    core_.hooks.on_drop(count);
    return Lsn{0};
  }

  Core& core_;
};

}  // namespace rewal::detail

#endif  // REWAL_LOG_APPENDING_HPP
