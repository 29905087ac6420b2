/// Boost.Signals2.
#include <boost/signals2.hpp>
#include <map>

#include "callbacks.hpp"

namespace {

struct signals2_point {
  boost::signals2::signal<void(tick&, khelp_osd*)> signal;
  std::map<std::intptr_t, boost::signals2::connection> connections;

  void add(std::intptr_t number) {
    connections[number] = signal.connect(
        [](tick& event, khelp_osd* object) { count_tick(1, 2, nullptr, &event, nullptr, object); });
  }
  void remove(std::intptr_t number) { connections[number].disconnect(); }
  void run(tick& event, khelp_osd* object) { signal(event, object); }
};

constexpr const char* name = "Boost.Signals2";
const adds_rows signals2{
    idle<signals2_point>(name), callbacks<signals2_point>(name), two_threads<signals2_point>(name),
    removal<signals2_point>(name, role::peer, "does not wait for who is inside")};

}  // namespace
