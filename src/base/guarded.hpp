// Calls of somebody's code whose exceptions end here, in words, while their type is still mapped.
#pragma once

#include <cerrno>
#include <cxxabi.h>
#include <exception>
#include <string>
#include <string_view>

#include <khelp/result.hpp>

#include "base/cancellation.hpp"
#include "base/log.hpp"

namespace khelp {

// In a handler: what was thrown, in words that are there during the call.
template <class Fn>
void tell_thrown(Fn tell) {
  try {
    throw;
  } catch (const std::exception& e) {
    tell(std::string_view(e.what()));
  } catch (...) {
    tell(std::string_view("something that is no std::exception"));
  }
}

// A cancellation goes on.
template <class Fn>
auto guarded(std::string_view whose, std::string_view what, Fn fn) -> result<decltype(fn())> {
  std::string thrown;
  try {
    if constexpr (std::is_void_v<decltype(fn())>) {
      fn();
      return {};
    } else {
      return fn();
    }
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    tell_thrown([&thrown](std::string_view words) { thrown = words; });
  }
  return failure(ECANCELED, std::string(whose) + ": " + std::string(what) + " threw: " + thrown);
}

// Where nothing may unwind: a cancellation waits, what is thrown goes to the log, "helper 'name': its
// destroy threw: words", or "name: ..." if it has no kind. False: it threw.
template <class Fn>
bool guarded_to_the_end(std::string_view kind, std::string_view name, std::string_view what,
                        Fn fn) noexcept {
  const no_cancellation later;
  const auto tell = [&](std::string_view thrown) {
    const bool named_alone = kind.empty();
    log(KHELP_LOG_WARNING, {kind, named_alone ? "" : " '", name, named_alone ? ": " : "': ", what,
                            " threw: ", thrown});
  };
  try {
    fn();
    return true;
  } catch (...) {
    tell_thrown(tell);
  }
  return false;
}

}  // namespace khelp
