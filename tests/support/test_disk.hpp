// SPDX-License-Identifier: MIT
//
// TestDisk: a storage in memory that notes what is done to it and fails on demand, with or without the optional extras.
// Copies share one state, so the test that keeps one sees what the log's copy did.

#ifndef REWAL_TESTS_SUPPORT_TEST_DISK_HPP
#define REWAL_TESTS_SUPPORT_TEST_DISK_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/platform.hpp>
#include <rewal/result.hpp>

namespace rewal_test {

using namespace rewal;

struct DiskState {
  std::vector<std::byte> content;
  std::vector<std::pair<std::uint64_t, std::vector<std::byte>>> copies;

  std::vector<std::string> changes;  // "preserve 10", "truncate 10", "sync", "write 36", in order
  std::size_t calls = 0;             // of anything
  std::size_t reads = 0;
  std::size_t largest_read = 0;  // the most bytes that one read_at asked for
  std::size_t live_mappings = 0;

  std::size_t most_per_read = SIZE_MAX;
  std::function<Result<void>(const char* what)> before_call;  // its error is returned instead
};

inline Error io_error(int number) { return {Errc::io, std::error_code(number, std::generic_category())}; }

/// Fails the k-th call of any kind, counted from 1.
inline void fail_call(DiskState& disk, std::size_t k, const Error& error = io_error(EIO)) {
  disk.calls = 0;
  disk.before_call = [&disk, k, error](const char*) { return disk.calls == k ? Result<void>(error) : Result<void>(); };
}

template <bool maps, bool preserves = true>
class TestDisk {
 public:
  class Mapping {
   public:
    explicit Mapping(std::shared_ptr<DiskState> state, std::size_t size)
        : state_(std::move(state)), bytes_(state_->content.begin(), state_->content.begin() + std::ptrdiff_t(size)) {
      ++state_->live_mappings;
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { --state_->live_mappings; }
    [[nodiscard]] Bytes bytes() const { return bytes_; }

   private:
    std::shared_ptr<DiskState> state_;
    std::vector<std::byte> bytes_;  // of its own, so that a sanitizer sees every byte beyond
  };

  explicit TestDisk(std::vector<std::byte> content = {}) : state(std::make_shared<DiskState>()) {
    state->content = std::move(content);
  }

  Result<std::size_t> write(Bytes bytes) {
    if (auto ok = begin("write"); !ok) return ok.error();
    note("write " + std::to_string(bytes.size()));
    state->content.insert(state->content.end(), bytes.begin(), bytes.end());
    return bytes.size();
  }
  Result<void> sync() {
    if (auto ok = begin("sync"); !ok) return ok.error();
    note("sync");
    return {};
  }
  Result<void> close() { return begin("close"); }
  Result<std::uint64_t> size() {
    if (auto ok = begin("size"); !ok) return ok.error();
    return std::uint64_t{state->content.size()};
  }
  Result<void> truncate(std::uint64_t n) {
    if (auto ok = begin("truncate"); !ok) return ok.error();
    if (state->live_mappings > 0) return Error(Errc::io, "a mapped file cannot be cut");  // as on Windows
    note("truncate " + std::to_string(n));
    state->content.resize(static_cast<std::size_t>(n));
    return {};
  }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    if (auto ok = begin("read_at"); !ok) return ok.error();
    ++state->reads;
    state->largest_read = (std::max)(state->largest_read, into.size());
    if (offset >= state->content.size()) return std::size_t{0};
    const auto from = static_cast<std::size_t>(offset);
    const std::size_t count = (std::min)({into.size(), state->content.size() - from, state->most_per_read});
    std::memcpy(into.data(), state->content.data() + from, count);
    return count;
  }
  Result<std::shared_ptr<const Mapping>> map(std::uint64_t size) requires maps {
    if (auto ok = begin("map"); !ok) return ok.error();
    return std::make_shared<const Mapping>(state, static_cast<std::size_t>(size));
  }
  Result<std::string> preserve(std::uint64_t offset, Bytes bytes) requires preserves {
    if (auto ok = begin("preserve"); !ok) return ok.error();
    note("preserve " + std::to_string(offset));
    state->copies.emplace_back(offset, std::vector<std::byte>(bytes.begin(), bytes.end()));
    return "copy-" + std::to_string(offset);
  }

  std::shared_ptr<DiskState> state;

 private:
  Result<void> begin(const char* what) {
    ++state->calls;
    return state->before_call ? state->before_call(what) : Result<void>();
  }
  void note(std::string change) { state->changes.push_back(std::move(change)); }
};

using MappedDisk = TestDisk<true>;
using ReadDisk = TestDisk<false>;

}  // namespace rewal_test

#endif  // REWAL_TESTS_SUPPORT_TEST_DISK_HPP
