// What the program for debuggers and its helper share.
#pragma once

#include <khelp/khelp.hpp>

namespace debugged {

struct event {
  void (*inside)();
};

inline constexpr const char* point = "debugged";

}  // namespace debugged

KHELP_EVENT(debugged::event, inside);
