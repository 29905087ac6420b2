/// The subsystem's two hook points: the only file of it that talks to the framework.
#pragma once

#include <cstdint>

#include <khelp/hhook.h>
#include <khelp/result.hpp>
#include <khelp/tcp.h>

namespace khelp::tcp {

/// At fixed addresses, so that asking whether anybody listens is one load.
extern khelp_hhook_head est_in_point;
extern khelp_hhook_head est_out_point;

/// Keeps both points registered. One at a time per process.
class points {
 public:
  /// Errors  EEXIST somebody else registered them · ENOMEM.
  static result<points> attach();
  points(points&& other) noexcept : attached_(other.attached_) { other.attached_ = false; }
  points& operator=(points&&) = delete;
  ~points();

  bool anybody_listens() const {
    return khelp_hhooks_enabled(&est_in_point) || khelp_hhooks_enabled(&est_out_point);
  }
  void run_out(khelp_tcp_hhook_data& context) const {
    khelp_hhooks_run_if(&est_out_point, &context, context.tp->osd);
  }
  void run_in(khelp_tcp_hhook_data& context) const {
    khelp_hhooks_run_if(&est_in_point, &context, context.tp->osd);
  }

  /// Helpers' data for a new end. Errors: ENOMEM; the end then goes without.
  int init(khelp_tcpcb& end) const;
  /// The end is gone, and helpers' data with it.
  void destroy(khelp_tcpcb& end) const;
  /// Hooks see this time.
  void set_clock(int64_t when_ns) const;

 private:
  points() = default;
  bool attached_ = true;
};

}  // namespace khelp::tcp
