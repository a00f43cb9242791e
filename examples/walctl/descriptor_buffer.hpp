// SPDX-License-Identifier: MIT
//
// DescriptorBuffer: an output stream's buffer over a descriptor that remembers why a write failed: a reader that has
// gone away is no error, a full disk is. Used by one thread.

#ifndef WALCTL_DESCRIPTOR_BUFFER_HPP
#define WALCTL_DESCRIPTOR_BUFFER_HPP

#include <array>
#include <cerrno>
#include <cstddef>
#include <streambuf>

#include <unistd.h>

namespace walctl {

class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int descriptor) : descriptor_(descriptor) {
    setp(buffer_.data(), buffer_.data() + buffer_.size());
  }
  ~DescriptorBuffer() override { flush(); }

  /// The errno of the first failed write, 0 while there was none.
  [[nodiscard]] int error() const noexcept { return error_; }

 protected:
  int_type overflow(int_type c) override {
    if (!flush()) return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
  }
  int sync() override { return flush() ? 0 : -1; }

 private:
  bool flush() {
    for (const char* at = pbase(); error_ == 0 && at < pptr();) {
      const auto count = ::write(descriptor_, at, static_cast<std::size_t>(pptr() - at));
      if (count > 0) at += count;
      if (count < 0 && errno != EINTR) error_ = errno;
    }
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return error_ == 0;
  }

  int descriptor_;
  int error_ = 0;
  std::array<char, 65536> buffer_;
};

}  // namespace walctl

#endif  // WALCTL_DESCRIPTOR_BUFFER_HPP
