#include "subsystem/tcp/points.hpp"

#include <khelp/clock.h>
#include <khelp/khelp.h>

namespace khelp::tcp {

khelp_hhook_head est_in_point;
khelp_hhook_head est_out_point;

namespace {

failure refused(int code) {
  const char* words = khelp_failure_text();
  return *words != '\0' ? failure(code, words) : failure(code);
}

int attach_point(int32_t id, const char* name, khelp_hhook_head& storage) {
  khelp_hhook_head_x declared{};
  declared.size = sizeof declared;
  declared.flags = KHELP_HHOOK_WAITOK;
  declared.name = name;
  declared.event = "khelp_tcp_hhook_data";
  declared.fingerprint = khelp_modinfo_event_khelp_tcp_hhook_data.fingerprint;
  khelp_hhook_head* head = nullptr;
  return khelp_hhook_head_register_x(KHELP_HHOOK_TYPE_TCP, id, &storage, &head, &declared);
}

}  // namespace

result<points> points::attach() {
  const auto& block = khelp_modinfo_event_khelp_tcpcb;
  if (const int code = khelp_event_declare(block.name, block.fingerprint))
    return refused(code);
  if (const int code = attach_point(KHELP_HHOOK_TCP_EST_OUT, "tcp/est-out", est_out_point))
    return refused(code);
  if (const int code = attach_point(KHELP_HHOOK_TCP_EST_IN, "tcp/est-in", est_in_point)) {
    failure why = refused(code);
    khelp_hhook_head_deregister(&est_out_point);
    return why;
  }
  return points();
}

points::~points() {
  if (!attached_)
    return;
  khelp_hhook_head_deregister(&est_in_point);
  khelp_hhook_head_deregister(&est_out_point);
  khelp_clock_reset();
}

int points::init(khelp_tcpcb& end) const {
  return khelp_init_osd(KHELP_HELPER_CLASS_TCP, end.osd);
}

void points::destroy(khelp_tcpcb& end) const {
  khelp_destroy_osd(end.osd);
}

void points::set_clock(int64_t when_ns) const {
  khelp_clock_set(when_ns);
}

}  // namespace khelp::tcp
