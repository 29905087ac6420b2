// osd(9), as the rest of the core sees it beyond <khelp/osd.h>.
//
// Helpers' slots come from the same table as slots that are registered with the khelp type.
// Helpers' values are the framework's (attachment); values of registered slots are kept here.
#pragma once

#include <cstdint>

#include <khelp/osd.h>

namespace khelp::osd {

// osd_state: an object of the khelp type holds, or held, values of registered slots.
inline constexpr std::uint16_t has_registered_values = 0x4000;

// The lowest free slot of the khelp type, for a helper; 0: all taken. Throws std::bad_alloc.
unsigned take_khelp_slot();
// Free again. No object holds a value in it.
void give_khelp_slot(unsigned slot) noexcept;

// All bits once somebody has registered a slot of the khelp type: then other threads may set values of
// an object that is being initialised, under its stripe, so an init takes the stripe, too.
extern std::uint32_t registrants __attribute__((visibility("hidden")));

// Destroy an object's values of slots registered with the khelp type and clear
// has_registered_values. Destructors run without locks. For khelp_destroy_osd(), which ends the
// helpers' values itself.
void destroy_registered_values(khelp_osd& osd);

// What khelp_osd_exit() does to objects of the khelp type (khelp_destroy_osd()); until it is set,
// only values of registered slots are destroyed.
void set_khelp_exit(int (*exit)(khelp_osd*)) noexcept;

// Around a fork: the table of types, all stripes (osd_stripe.hpp), the types' lists.
void fork_prepare() noexcept;
void fork_parent() noexcept;
void fork_child() noexcept;

}  // namespace khelp::osd
