// SPDX-License-Identifier: MIT
//
// Bytes of any kind as text that cannot harm a terminal or break a line: pure functions, for any thread.
// Valid UTF-8 stays as it is but for control characters, what reverses the direction of text, and the backslash; all
// else becomes \n, \t, \r, \\ or \xNN, so that nothing is lost and the bytes can be had back.

#ifndef WALCTL_ESCAPE_HPP
#define WALCTL_ESCAPE_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <rewal/bytes.hpp>

namespace walctl {

/// How many bytes the UTF-8 character at the start of `text` has, 0 if there is none.
[[nodiscard]] inline std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.empty()) return 0;
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xC2 && first < 0xE0   ? 2
                           : (first & 0xF0) == 0xE0        ? 3
                           : first >= 0xF0 && first < 0xF5 ? 4
                                                           : 0;
  if (size == 0 || text.size() < size) return 0;
  std::uint32_t point = first & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0u) != 0x80) return 0;
    point = point << 6 | (byte(i) & 0x3Fu);
  }
  const bool overlong = (size == 3 && point < 0x800) || (size == 4 && point < 0x10000);
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  return overlong || surrogate || point > 0x10FFFF ? 0 : size;
}

[[nodiscard]] inline bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t size = utf8_length(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

/// Control characters, and those that turn the direction of the text around them.
[[nodiscard]] inline bool is_harmful(std::string_view character) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (character.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  if (character.size() != 3 || byte(0) != 0xE2) return false;
  const bool line_or_turn =
      byte(1) == 0x80 && ((byte(2) >= 0xA8 && byte(2) <= 0xAE) || byte(2) == 0x8E || byte(2) == 0x8F);
  return line_or_turn || (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9);
}

inline void append_hex(std::string& to, unsigned char byte) {
  constexpr const char* digits = "0123456789abcdef";
  to += digits[byte >> 4];
  to += digits[byte & 15];
}

/// Appends `text` to `to`, escaped.
inline void append_escaped(std::string& to, std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_length(text);
    const auto character = text.substr(0, size == 0 ? 1 : size);
    text.remove_prefix(character.size());
    if (size != 0 && !is_harmful(character) && character != "\\") {
      to += character;
      continue;
    }
    switch (character[0]) {
      case '\n': to += "\\n"; continue;
      case '\r': to += "\\r"; continue;
      case '\t': to += "\\t"; continue;
      case '\\': to += "\\\\"; continue;
      default: break;
    }
    for (const char c : character) {
      to += "\\x";
      append_hex(to, static_cast<unsigned char>(c));
    }
  }
}

[[nodiscard]] inline std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  append_escaped(result, text);
  return result;
}

/// For messages: a name keeps its backslashes, and loses what could harm.
[[nodiscard]] inline std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t size = utf8_length(text);
    const auto character = text.substr(0, size == 0 ? 1 : size);
    text.remove_prefix(character.size());
    if (size != 0 && !is_harmful(character)) {
      result += character;
    } else {
      append_escaped(result, character);
    }
  }
  return result;
}

[[nodiscard]] inline std::string hex(rewal::Bytes bytes) {
  std::string result;
  result.reserve(2 * bytes.size());
  for (const std::byte b : bytes) append_hex(result, std::to_integer<unsigned char>(b));
  return result;
}

}  // namespace walctl

#endif  // WALCTL_ESCAPE_HPP
