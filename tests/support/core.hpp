// SPDX-License-Identifier: MIT
//
// A log's core without its writer thread: nothing happens unless the test does it.

#ifndef REWAL_TESTS_SUPPORT_CORE_HPP
#define REWAL_TESTS_SUPPORT_CORE_HPP

#include <memory>
#include <rewal/append/appending.hpp>
#include <rewal/commit/core.hpp>
#include <rewal/commit/group_commit.hpp>
#include <rewal/wal.hpp>
#include <utility>

namespace rewal_test {

template <class S, class Threads = rewal::detail::NativeThreads, class Hooks = rewal::NoHooks>
using CoreOn = rewal::detail::Core<S, rewal::NoCompressor, rewal::NoIndexer, Hooks, Threads>;

template <class Threads = rewal::detail::NativeThreads, class S, class Hooks = rewal::NoHooks>
std::unique_ptr<CoreOn<S, Threads, Hooks>> core_on(S storage, const rewal::detail::Options& options, Hooks hooks = {}) {
  using Core = CoreOn<S, Threads, Hooks>;
  auto side =
      std::make_shared<typename Core::Shared>(std::move(storage), rewal::NoCompressor{}, options.max_frame_bytes);
  return std::make_unique<Core>(std::move(side), rewal::NoIndexer{}, std::move(hooks), options, rewal::RecoveryReport{},
                                0, 0);
}

template <class Core>
rewal::Result<rewal::Lsn> append(Core& core, rewal::Bytes payload) {
  return rewal::detail::Appending<Core>(core).one(payload, {}, rewal::detail::Append::queued);
}

template <class Core>
rewal::Result<void> flush(Core& core) {
  return rewal::detail::GroupCommit<Core>(core).flush();
}

template <class Core>
rewal::Result<void> wait_durable(Core& core, rewal::Lsn lsn) {
  return rewal::detail::GroupCommit<Core>(core).wait_durable(lsn);
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_SUPPORT_CORE_HPP
