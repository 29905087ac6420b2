// A call of somebody's code whose exceptions end here, in words, while their type is still mapped.
// Cancellation goes on.
#pragma once

#include <cerrno>
#include <cxxabi.h>
#include <exception>
#include <string>
#include <string_view>

#include <khelp/result.hpp>

namespace khelp {

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
  } catch (const std::exception& e) {
    thrown = e.what();
  } catch (...) {
    thrown = "something that is no std::exception";
  }
  return failure(ECANCELED, std::string(whose) + ": " + std::string(what) + " threw: " + thrown);
}

}  // namespace khelp
