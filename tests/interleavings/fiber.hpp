// SPDX-License-Identifier: MIT
//
// Fiber: a stack of its own for a logical thread, switched by hand, so that a run of the model is one thread of the
// system and costs nanoseconds a switch. Used by the scheduler alone; when to switch is left to it.
// A fiber that is given up in the middle is started anew from its base; what lay on its stack is forgotten.

#ifndef REWAL_TESTS_INTERLEAVINGS_FIBER_HPP
#define REWAL_TESTS_INTERLEAVINGS_FIBER_HPP

#include <setjmp.h>
#include <ucontext.h>

#include <cstddef>
#include <memory>

namespace rewal_model {

class Fiber {
 public:
  static constexpr std::size_t stack_bytes = 256 * 1024;

  Fiber() = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// `body` runs each time the fiber is started, and must leave by switching away for good.
  void create(void (*body)()) {
    stack_.reset(new std::byte[stack_bytes]);
    body_ = body;
    ucontext_t context;
    ucontext_t creator;
    getcontext(&context);
    context.uc_stack.ss_sp = stack_.get();
    context.uc_stack.ss_size = stack_bytes;
    context.uc_link = nullptr;
    newborn_ = this;
    makecontext(&context, &Fiber::live, 0);
    creator_ = &creator;
    swapcontext(&creator, &context);
  }

  /// At the next switch to it, the fiber begins its body.
  void restart() noexcept { fresh_ = true; }

  static void jump(Fiber& from, Fiber& to) {
    if (_setjmp(from.here_) == 0) go(to);
  }
  /// Never comes back to the caller.
  [[noreturn]] static void leave_for(Fiber& to) { go(to); }

 private:
  [[noreturn]] static void go(Fiber& to) {
    if (to.fresh_) {
      to.fresh_ = false;
      _longjmp(to.base_, 1);
    }
    _longjmp(to.here_, 1);
  }
  static void live() {
    Fiber* const self = newborn_;
    if (_setjmp(self->base_) == 0) setcontext(creator_);
    self->body_();
  }

  static inline Fiber* newborn_ = nullptr;
  static inline ucontext_t* creator_ = nullptr;

  std::unique_ptr<std::byte[]> stack_;  // none: the stack of the system's thread
  void (*body_)() = nullptr;
  bool fresh_ = false;
  jmp_buf here_;
  jmp_buf base_;
};

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_FIBER_HPP
