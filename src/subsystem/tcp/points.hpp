/// The subsystem's two hook points: the only file of it that talks to the framework.
#pragma once

#include <cstdint>

#include <khelp/khelp.hpp>
#include <khelp/result.hpp>
#include <khelp/tcp.hpp>

namespace khelp::tcp {

/// At fixed addresses, so that asking whether anybody listens is one load.
extern hook_point<khelp_tcp_hhook_data> est_in;
extern hook_point<khelp_tcp_hhook_data> est_out;

/// Keeps both points registered. One at a time per process.
class points {
 public:
  /// Errors   EEXIST somebody else registered them · ENOMEM.
  static result<points> attach();
  points(points&& other) noexcept : attached_(other.attached_) { other.attached_ = false; }
  points& operator=(points&&) = delete;
  ~points();

  bool anybody_listens() const { return est_in.enabled() || est_out.enabled(); }
  void run_out(khelp_tcp_hhook_data& context) const { est_out(context, context.tp->osd); }
  void run_in(khelp_tcp_hhook_data& context) const { est_in(context, context.tp->osd); }

  /// Helpers' data for a new end. Errors: ENOMEM; the end then goes without.
  int init(khelp_tcpcb& end) const;
  /// The end is gone, and helpers' data with it.
  void destroy(khelp_tcpcb& end) const;
  /// Hooks see this time, which is this many ticks.
  void set_clock(int64_t when_ns) const;
  uint32_t ticks() const;

 private:
  points() = default;
  bool attached_ = true;
};

}  // namespace khelp::tcp
