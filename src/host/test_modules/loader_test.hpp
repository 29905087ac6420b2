// What the loader's test and its helper modules share: a point with its event, and a place where
// modules say what happens to them.
#pragma once

#include <khelp/khelp.hpp>

/// Defined by the test program; notes are kept in order.
extern "C" void loader_test_note(const char* words);
/// Whether threads of modules are to end; defined where modules ask for it.
extern "C" bool loader_test_over();
/// A hook of the program's, which adds the number that its argument points to; defined where modules
/// ask for it.
extern "C" int loader_test_add(int32_t type, int32_t id, void* number, void* event, void* data,
                               khelp_osd* object);

namespace loader_test {

struct event {
#ifdef OTHER_LAYOUT
  long long spare = 0;
#endif
  int calls = 0;                   // hooks count themselves here
  void (*inside)(void) = nullptr;  // called from inside the hook
};

inline constexpr const char* point = "loader-test";

}  // namespace loader_test

KHELP_EVENT(loader_test::event, calls, inside);
