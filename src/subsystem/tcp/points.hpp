/// The subsystem's two hook points: the only file of it that talks to the framework.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include <khelp/khelp.hpp>
#include <khelp/result.hpp>
#include <khelp/tcp.hpp>

namespace khelp::tcp {

/// At fixed addresses, so that asking whether anybody listens is one load.
extern hook_point<khelp_tcp_hhook_data> est_in;
extern hook_point<khelp_tcp_hhook_data> est_out;

/// What makes an instance (khelp/vnet.h), in which the same addresses and ports are another
/// connection and the points are others.
enum class instances_by : uint8_t {
  none,  ///< there is one world, and points of no instance
  vlan,  ///< the outermost VLAN id; 0: untagged
  file,  ///< the capture, counted from 1
};

/// Keeps the points registered: both of the process, or both of each instance that was entered. One
/// at a time per process, used by one thread.
class points {
 public:
  /// Errors   EEXIST somebody else registered them · ENOMEM.
  static result<points> attach(instances_by by = instances_by::none);
  points(points&& other) noexcept;
  points& operator=(points&&) = delete;
  ~points();

  /// The points are those of this instance from now on, and it is current on this thread. Nothing
  /// without instances. Errors as khelp_vnet_alloc() and khelp_hhook_head_register().
  result<void> enter(uint32_t number);

  bool anybody_listens() const { return in_->enabled() || out_->enabled(); }
  void run_out(khelp_tcp_hhook_data& context) const { (*out_)(context, context.tp->osd); }
  void run_in(khelp_tcp_hhook_data& context) const { (*in_)(context, context.tp->osd); }

  /// Helpers' data for a new end. Errors: ENOMEM; the end then goes without.
  int init(khelp_tcpcb& end) const;
  /// The end is gone, and helpers' data with it.
  void destroy(khelp_tcpcb& end) const;
  /// Hooks see this time, which is this many ticks.
  void set_clock(int64_t when_ns) const;
  uint32_t ticks() const;

 private:
  struct world;

  explicit points(instances_by by);

  bool attached_ = true;
  instances_by by_;
  hook_point<khelp_tcp_hhook_data>* in_ = &est_in;
  hook_point<khelp_tcp_hhook_data>* out_ = &est_out;
  std::optional<uint32_t> entered_;
  std::unordered_map<uint32_t, std::unique_ptr<world>> worlds_;
};

}  // namespace khelp::tcp
