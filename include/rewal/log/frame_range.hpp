// SPDX-License-Identifier: MIT
//
// FrameRange: the frames of a file as an input range, damage included. Used by one thread; it outlives its reader.
// Which places it shows is decided by FrameWalk.

#ifndef REWAL_LOG_FRAME_RANGE_HPP
#define REWAL_LOG_FRAME_RANGE_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>

#include <rewal/error.hpp>
#include <rewal/examination.hpp>
#include <rewal/recovery/frame_walk.hpp>
#include <rewal/result.hpp>

namespace rewal::detail {

/// Each element is a `Result<FrameInfo>`. An error is the storage's, and the range's last element. To be gone through once.
template <class Shared, class S>
class FrameRange {
 public:
  /// Over [offset, end) of the storage that `shared` keeps.
  FrameRange(std::shared_ptr<Shared> shared, S& storage, std::uint64_t offset, std::uint64_t end)
      : shared_(std::move(shared)), walk_(std::make_unique<FrameWalk<S>>(storage, shared_.get(), offset, end)) {}

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = Result<FrameInfo>;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = const value_type&;

    iterator() noexcept = default;

    [[nodiscard]] reference operator*() const noexcept { return owner_->current_; }
    [[nodiscard]] pointer operator->() const noexcept { return &owner_->current_; }
    iterator& operator++() noexcept {
      if (!owner_->current_ || !owner_->step()) owner_ = nullptr;
      return *this;
    }
    void operator++(int) noexcept { ++*this; }
    [[nodiscard]] friend bool operator==(const iterator& a, std::default_sentinel_t) noexcept {
      return a.owner_ == nullptr;
    }

   private:
    friend class FrameRange;
    explicit iterator(FrameRange* owner) noexcept : owner_(owner) {}

    FrameRange* owner_ = nullptr;  // none at the end
  };

  [[nodiscard]] iterator begin() noexcept { return iterator(step() ? this : nullptr); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  bool step() noexcept {
    auto next = walk_->next();
    if (!next) {
      current_ = next.error();
      return true;
    }
    if (!*next) return false;
    current_ = **next;
    return true;
  }

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<FrameWalk<S>> walk_;
  Result<FrameInfo> current_;
};

}  // namespace rewal::detail

#endif  // REWAL_LOG_FRAME_RANGE_HPP
