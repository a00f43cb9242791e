// SPDX-License-Identifier: MIT
//
// RedisAddress: redis://[[user]:password@]host[:port][/database] in its parts. Pure functions, for any thread.
// TLS (rediss://) is left to a tunnel such as stunnel.

#ifndef OUTBOX_REDIS_ADDRESS_HPP
#define OUTBOX_REDIS_ADDRESS_HPP

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace outbox {

struct RedisAddress {
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string user;
  std::string password;
  int database = 0;

  /// None if `url` is no such address.
  [[nodiscard]] static std::optional<RedisAddress> parse(std::string_view url) {
    constexpr std::string_view scheme = "redis://";
    if (url.substr(0, scheme.size()) != scheme) return std::nullopt;
    url.remove_prefix(scheme.size());
    RedisAddress address;
    if (const auto slash = url.rfind('/'); slash != std::string_view::npos) {
      const auto database = url.substr(slash + 1);
      if (!database.empty() && !number(database, 1'000'000, address.database)) return std::nullopt;
      url = url.substr(0, slash);
    }
    if (const auto at = url.rfind('@'); at != std::string_view::npos) {
      const auto who = url.substr(0, at);
      const auto colon = who.find(':');
      if (colon == std::string_view::npos) return std::nullopt;
      address.user = decoded(who.substr(0, colon));
      address.password = decoded(who.substr(colon + 1));
      url = url.substr(at + 1);
    }
    const auto colon = url.rfind(':');
    if (colon != std::string_view::npos && url.find(']', colon) == std::string_view::npos) {  // not inside [::1]
      if (!number(url.substr(colon + 1), 65535, address.port)) return std::nullopt;
      url = url.substr(0, colon);
    }
    if (url.size() > 2 && url.front() == '[' && url.back() == ']') url = url.substr(1, url.size() - 2);
    if (!url.empty()) address.host = std::string(url);
    return address;
  }

 private:
  [[nodiscard]] static bool number(std::string_view digits, int most, int& value) {
    const char* const end = digits.data() + digits.size();
    const auto [stopped, error] = std::from_chars(digits.data(), end, value);
    return error == std::errc() && stopped == end && value >= 0 && value <= most;
  }

  /// %40 as @.
  [[nodiscard]] static std::string decoded(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
      unsigned code = 0;
      if (text[i] == '%' && i + 2 < text.size() &&
          std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16).ptr == text.data() + i + 3) {
        plain += static_cast<char>(code);
        i += 2;
      } else {
        plain += text[i];
      }
    }
    return plain;
  }
};

}  // namespace outbox

#endif  // OUTBOX_REDIS_ADDRESS_HPP
