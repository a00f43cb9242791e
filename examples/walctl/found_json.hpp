// SPDX-License-Identifier: MIT
//
// What the examination of a log found, as the JSON object that info and verify print. Pure; for any thread.

#ifndef WALCTL_FOUND_JSON_HPP
#define WALCTL_FOUND_JSON_HPP

#include <walctl/log_view.hpp>
#include <walctl/output.hpp>

namespace walctl {

[[nodiscard]] inline Json found_json(const LogView& view) {
  const auto& found = view.found();
  Json object{{"type", "log"},
              {"log", view.path()},
              {"verdict", view.verdict()},
              {"exit_code", view.code()},
              {"frames", found.frames},
              {"events", found.events},
              {"first_lsn", found.first_lsn},
              {"last_lsn", found.last_lsn},
              {"file_bytes", found.file_bytes},
              {"kept_bytes", found.kept_bytes},
              {"zero_bytes", found.zero_bytes},
              {"gaps", found.gaps},
              {"inversions", found.inversions},
              {"compressed_frames", found.compressed_frames},
              {"live", view.is_live() || view.holder().has_value()}};
  if (view.code() != exit_clean) {
    object["bad_at"] = *found.bad_at;
    object["reason"] = found.reason;
    object["beyond"] = {{"frames", found.beyond.frames},
                        {"events", found.beyond.events},
                        {"first_lsn", found.beyond.first_lsn},
                        {"last_lsn", found.beyond.last_lsn},
                        {"bytes", found.beyond.bytes}};
  }
  return object;
}

}  // namespace walctl

#endif  // WALCTL_FOUND_JSON_HPP
