// How every cold function of the C face begins and ends: words cleared, results turned into errno
// and words, and the only place below the contract that catches (bad_alloc: ENOMEM).
#pragma once

#include <cerrno>
#include <new>
#include <utility>

#include <khelp/result.hpp>

#include "base/failure_text.hpp"

namespace khelp {

inline int report(const failure& f) noexcept {
  if (f.detail.empty())
    set_failure_text(khelp_strerror(f.code));
  else
    set_failure_text(f.detail);
  return f.code;
}

// Fn: () -> result<T>. Forced unwinding passes through: only bad_alloc is caught.
template <class Fn>
int cold_call(Fn fn) {
  clear_failure_text();
  try {
    auto done = fn();
    return done ? 0 : report(done.error());
  } catch (const std::bad_alloc&) {
    return report(failure(ENOMEM));
  }
}

}  // namespace khelp
