// SPDX-License-Identifier: MIT
//
// Numbers as a person reads them: digits in groups of three, sizes in a unit that fits, one thing and several things.
// Pure functions, for any thread. JSON gets plain numbers and nothing of this.

#ifndef WALCTL_NUMBERS_HPP
#define WALCTL_NUMBERS_HPP

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace walctl {

/// 1234567 as 1,234,567.
[[nodiscard]] inline std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

/// "1 event", "2 events".
[[nodiscard]] inline std::string counted(std::uint64_t number, std::string_view thing) {
  std::string text = grouped(number) + " ";
  text += thing;
  if (number != 1) text += 's';
  return text;
}

[[nodiscard]] inline std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

/// 1536 as "1.5 KB"; below 1000 the bytes.
[[nodiscard]] inline std::string sized(double bytes) {
  constexpr const char* units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
  std::size_t unit = 0;
  while (bytes >= 999.95 && unit + 1 < sizeof units / sizeof *units) {
    bytes /= 1000;
    ++unit;
  }
  return fixed(bytes, unit == 0 ? 0 : 1) + " " + units[unit];
}
[[nodiscard]] inline std::string sized(std::uint64_t bytes) { return sized(static_cast<double>(bytes)); }

/// `text` broken between words into lines of at most `width` bytes, those behind the first one indented.
[[nodiscard]] inline std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::string lines;
  while (text.size() > width) {
    const std::size_t space = text.rfind(' ', width);
    if (space == std::string_view::npos || space == 0) break;
    lines += text.substr(0, space);
    lines += '\n';
    lines.append(indent, ' ');
    text.remove_prefix(space + 1);
  }
  lines += text;
  return lines;
}

/// Part of a whole, in percent.
[[nodiscard]] inline std::string percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "0 %" : fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + " %";
}

}  // namespace walctl

#endif  // WALCTL_NUMBERS_HPP
