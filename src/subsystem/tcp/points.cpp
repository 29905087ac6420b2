#include "subsystem/tcp/points.hpp"

#include <utility>

#include <khelp/clock.h>
#include <khelp/khelp.h>

namespace khelp::tcp {

hook_point<khelp_tcp_hhook_data> est_in("tcp/est-in", KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_IN);
hook_point<khelp_tcp_hhook_data> est_out("tcp/est-out", KHELP_HHOOK_TYPE_TCP,
                                         KHELP_HHOOK_TCP_EST_OUT);

result<points> points::attach() {
  const auto& block = khelp_modinfo_event_khelp_tcpcb;
  if (auto declared = outcome(khelp_event_declare(block.name, block.fingerprint)); !declared)
    return std::move(declared).error();
  if (auto opened = est_out.open(); !opened)
    return std::move(opened).error();
  if (auto opened = est_in.open(); !opened) {
    (void)est_out.close();
    return std::move(opened).error();
  }
  return points();
}

points::~points() {
  if (!attached_)
    return;
  (void)est_in.close();
  (void)est_out.close();
  khelp_clock_reset();
}

int points::init(khelp_tcpcb& end) const {
  return khelp_init_osd(KHELP_HELPER_CLASS_TCP, end.osd);
}

void points::destroy(khelp_tcpcb& end) const {
  if (end.osd != nullptr)
    khelp_destroy_osd(end.osd);
}

void points::set_clock(int64_t when_ns) const {
  khelp_clock_set(when_ns);
}

uint32_t points::ticks() const {
  return khelp_clock_ticks();
}

}  // namespace khelp::tcp
