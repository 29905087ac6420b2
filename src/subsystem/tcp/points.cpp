#include "subsystem/tcp/points.hpp"

#include <utility>

#include <khelp/instance.hpp>
#include <khelp/khelp.h>

namespace khelp::tcp {

namespace {
constexpr auto in_name = "tcp/est-in";
constexpr auto out_name = "tcp/est-out";
}  // namespace

hook_point<khelp_tcp_hhook_data> est_in(in_name, KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_IN);
hook_point<khelp_tcp_hhook_data> est_out(out_name, KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_OUT);

/// An instance and its two points, which end before it.
struct points::world {
  explicit world(instance made) : vnet(std::move(made)) {}

  static result<std::unique_ptr<world>> create() {
    auto vnet = instance::create();
    if (!vnet)
      return std::move(vnet).error();
    auto made = std::make_unique<world>(std::move(*vnet));
    const in_instance here(made->vnet);
    if (auto opened = made->out.open_in_instance(); !opened)
      return std::move(opened).error();
    if (auto opened = made->in.open_in_instance(); !opened)
      return std::move(opened).error();
    return made;
  }

  instance vnet;
  hook_point<khelp_tcp_hhook_data> in{in_name, KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_IN};
  hook_point<khelp_tcp_hhook_data> out{out_name, KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_OUT};
  const point_pair here{&in, &out, vnet.get()};
};

points::points(instances_by by) : by_(by) {}

points::points(points&& other) noexcept
    : attached_(std::exchange(other.attached_, false)),
      by_(other.by_),
      worlds_(std::move(other.worlds_)) {}

result<const point_pair*> points::pair_of(uint32_t number) {
  static constexpr point_pair of_the_process;
  if (by_ == instances_by::none)
    return &of_the_process;
  auto at = worlds_.find(number);
  if (at == worlds_.end()) {
    auto made = world::create();
    if (!made)
      return std::move(made).error();
    at = worlds_.emplace(number, std::move(*made)).first;
  }
  return &at->second->here;
}

result<points> points::attach(instances_by by) {
  if (auto declared = outcome(KHELP_EVENT_DECLARE(khelp_tcpcb)); !declared)
    return std::move(declared).error();
  if (by != instances_by::none) {
    // The first one is there before its first packet, so that helpers can be asked about it.
    points made(by);
    auto first = made.pair_of(by == instances_by::file ? 1 : 0);
    if (!first)
      return std::move(first).error();
    (*first)->enter();
    return made;
  }
  if (auto opened = est_out.open(); !opened)
    return std::move(opened).error();
  if (auto opened = est_in.open(); !opened) {
    (void)est_out.close();
    return std::move(opened).error();
  }
  return points(by);
}

points::~points() {
  if (!attached_)
    return;
  if (by_ != instances_by::none)
    khelp_vnet_set_current(nullptr);
  worlds_.clear();
  (void)est_in.close();
  (void)est_out.close();
}

int point_pair::init(khelp_tcpcb& end) const {
  return khelp_init_osd(KHELP_HELPER_CLASS_TCP, end.osd);
}

void point_pair::destroy(khelp_tcpcb& end) const {
  if (end.osd != nullptr)
    khelp_destroy_osd(end.osd);
}

}  // namespace khelp::tcp
