// SPDX-License-Identifier: MIT
//
// The golden files: what the reference implementations wrote, and what they read back, parsed without a JSON library.

#ifndef REWAL_TESTS_SUPPORT_GOLDEN_HPP
#define REWAL_TESTS_SUPPORT_GOLDEN_HPP

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <rewal/format/event.hpp>
#include <rewal/result.hpp>

#if REWAL_TEST_ZLIB
#include <zlib.h>
#endif

namespace rewal_test {

using namespace rewal;

inline const std::vector<std::string>& golden_names() {
  static const std::vector<std::string> names{
      "rust-basic", "rust-random", "rust-multiproducer", "rust-dropgaps", "go-basic", "rust-rle", "go-zlib"};
  return names;
}

inline std::string golden_path(const std::string& name) {
  std::string path(REWAL_TEST_GOLDEN_DIR "/");  // in steps: g++ 12 warns of the library's own sum of strings
  path += name;
  path += ".wal";
  return path;
}

inline std::vector<std::byte> file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

inline std::vector<std::byte> golden_image(const std::string& name) { return file_bytes(golden_path(name)); }

inline std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

/// The text after `"key":` up to the next comma or brace, without quotes; none for null.
inline std::optional<std::string> json_field(const std::string& line, const std::string& key) {
  const auto at = line.find("\"" + key + "\":");
  if (at == std::string::npos) throw std::runtime_error("no field " + key);
  const auto from = at + key.size() + 3;
  std::string value = line.substr(from, line.find_first_of(",}", from) - from);
  if (value == "null") return std::nullopt;
  if (value.front() == '"') value = value.substr(1, value.size() - 2);
  return value;
}

/// What the reference read back from the file.
inline std::vector<Event> golden_events(const std::string& name) {
  std::ifstream file(golden_path(name) + ".jsonl");
  std::vector<Event> events;
  for (std::string line; std::getline(file, line);) {
    Event event;
    event.lsn = std::stoull(*json_field(line, "lsn"));
    event.payload = from_hex(*json_field(line, "payload"));
    if (const auto meta = json_field(line, "meta")) event.meta = from_hex(*meta);
    events.push_back(std::move(event));
  }
  return events;
}

/// The run-length compressor of rust-rle.wal: pairs of count (1..255) and byte.
struct RunLength {
  Result<void> compress(Bytes source, std::vector<std::byte>& target) const {
    for (std::size_t i = 0; i < source.size();) {
      std::size_t run = 1;
      while (run < 255 && i + run < source.size() && source[i + run] == source[i]) ++run;
      target.push_back(static_cast<std::byte>(run));
      target.push_back(source[i]);
      i += run;
    }
    return {};
  }
  Result<void> decompress(Bytes source, std::vector<std::byte>& target, std::size_t most) const {
    std::size_t made = 0;
    if (source.size() % 2 != 0) return Errc::corrupted;
    for (std::size_t i = 0; i < source.size(); i += 2) {
      const auto run = std::to_integer<std::size_t>(source[i]);
      if (run > most - made) return Errc::corrupted;
      target.insert(target.end(), run, source[i + 1]);
      made += run;
    }
    return {};
  }
};

#if REWAL_TEST_ZLIB
/// The compressor of go-zlib.wal.
struct Zlib {
  Result<void> compress(Bytes source, std::vector<std::byte>& target) const {
    uLongf size = compressBound(static_cast<uLong>(source.size()));
    const std::size_t before = target.size();
    target.resize(before + size);
    const int code = ::compress(to(target, before), &size, from(source), static_cast<uLong>(source.size()));
    target.resize(before + (code == Z_OK ? size : 0));
    return code == Z_OK ? Result<void>() : Errc::invalid_record;
  }
  Result<void> decompress(Bytes source, std::vector<std::byte>& target) const {
    const std::size_t before = target.size();
    for (std::size_t room = source.size() * 4 + 64; room < (std::size_t{1} << 28); room *= 4) {
      target.resize(before + room);
      auto size = static_cast<uLongf>(room);
      const int code = uncompress(to(target, before), &size, from(source), static_cast<uLong>(source.size()));
      target.resize(before + (code == Z_OK ? size : 0));
      if (code == Z_OK) return {};
      if (code != Z_BUF_ERROR) break;
    }
    return Errc::corrupted;
  }

 private:
  static const Bytef* from(Bytes bytes) { return reinterpret_cast<const Bytef*>(bytes.data()); }
  static Bytef* to(std::vector<std::byte>& bytes, std::size_t at) {
    return reinterpret_cast<Bytef*>(bytes.data() + at);
  }
};
#endif

}  // namespace rewal_test

#endif  // REWAL_TESTS_SUPPORT_GOLDEN_HPP
