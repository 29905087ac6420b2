/// libsigc++.
#include <map>
#include <sigc++/sigc++.h>

#include "callbacks.hpp"

namespace {

struct sigcpp_point {
  sigc::signal<void, tick&, khelp_osd*> signal;

  void add(std::intptr_t) {
    signal.connect(
        [](tick& event, khelp_osd* object) { count_tick(1, 2, nullptr, &event, nullptr, object); });
  }
  void run(tick& event, khelp_osd* object) { signal.emit(event, object); }
};

constexpr const char* remark = "not thread-safe";
const adds_rows sigcpp{idle<sigcpp_point>("libsigc++", role::peer, remark),
                       callbacks<sigcpp_point>("libsigc++", role::peer, remark)};

}  // namespace
