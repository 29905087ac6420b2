/// The subsystem's two hook points: the only file of it that talks to the framework.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include <khelp/khelp.hpp>
#include <khelp/result.hpp>
#include <khelp/tcp.hpp>
#include <khelp/vnet.h>

namespace khelp::tcp {

/// At fixed addresses, so that asking whether there are hooks is one load.
extern hook_point<khelp_tcp_hhook_data> est_in;
extern hook_point<khelp_tcp_hhook_data> est_out;

/// What makes an instance (khelp/vnet.h), in which the same addresses and ports are another
/// connection and the points are others.
enum class instances_by : uint8_t {
  none,  ///< there is one world, and points of no instance
  vlan,  ///< the outermost VLAN id; 0: untagged
  file,  ///< the capture, counted from 1
};

/// Two points, in use by any number of threads at once.
struct point_pair {
  hook_point<khelp_tcp_hhook_data>* in = &est_in;
  hook_point<khelp_tcp_hhook_data>* out = &est_out;
  khelp_vnet* vnet = nullptr;  ///< the instance they belong to, if there are instances

  /// Before anything below: the instance is current on this thread.
  void enter() const {
    if (vnet != nullptr)
      khelp_vnet_set_current(vnet);
  }
  bool has_hooks() const { return in->enabled() || out->enabled(); }
  void run_out(khelp_tcp_hhook_data& context) const { (*out)(context, context.tp->osd); }
  void run_in(khelp_tcp_hhook_data& context) const { (*in)(context, context.tp->osd); }

  /// Helpers' data for a new end. Errors: ENOMEM; the end then goes without.
  int init(khelp_tcpcb& end) const;
  /// The end is gone, and helpers' data with it.
  void destroy(khelp_tcpcb& end) const;
};

/// Keeps the points registered: both of the process, or both of each instance that was asked for.
/// One at a time per process.
class points {
 public:
  /// Errors   EEXIST they are registered already · ENOMEM.
  static result<points> attach(instances_by by = instances_by::none);
  points(points&& other) noexcept;
  points& operator=(points&&) = delete;
  ~points();

  /// The points of this instance, made if it is new; without instances the process's. It stays
  /// where it is. Errors as khelp_vnet_alloc() and khelp_hhook_head_register().
  result<const point_pair*> pair_of(uint32_t number);

 private:
  struct world;

  explicit points(instances_by by);

  bool attached_ = true;
  instances_by by_;
  std::unordered_map<uint32_t, std::unique_ptr<world>> worlds_;
};

}  // namespace khelp::tcp
