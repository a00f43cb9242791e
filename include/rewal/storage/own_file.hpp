// SPDX-License-Identifier: MIT
//
// open_own: opens a file that belongs to this process alone, with no fork between the opening and the entry that makes a
// forked child close it: a lock belongs to the open file, which the child would keep. Any thread, each with objects of
// its own. What else a child must give up, and locking, is left to the owner.

#ifndef REWAL_STORAGE_OWN_FILE_HPP
#define REWAL_STORAGE_OWN_FILE_HPP

#include <utility>

#include <rewal/out_of_memory.hpp>
#include <rewal/result.hpp>
#include <rewal/sync/fork_list.hpp>

namespace rewal::detail {

/// `open` returns the file as a Result. A forked child calls `in_child(owner)`.
template <class File, class Open>
[[nodiscard]] Result<void> open_own(File& file, ForkEntry& entry, void* owner, ForkEntry::InChild in_child, Open open) {
  Result<void> opened;
  const bool entered = entry.enter(owner, in_child, [&] {
    auto found = open();
    if (found) {
      file = std::move(*found);
    } else {
      opened = found.error();
    }
  });
  return entered ? opened : Result<void>(not_enough_memory());
}

}  // namespace rewal::detail

#endif  // REWAL_STORAGE_OWN_FILE_HPP
