// The types of objects, the slots registered for each, and the objects that hold values.
//
// A slot's entry stays where it is for ever; only its state changes. Whoever is about to call a
// slot's destructor or method, or to store a value in it, holds a slot_use, and deregistration
// waits until the uses of others are gone: once before it collects the values that objects hold,
// when nothing can be stored any more, and once after, when nothing is left to destroy. So no code
// of a slot runs once it is deregistered, and no value goes without its destructor.
//
// Locks, outermost first: types_mutex, an object's stripe, a type's list of objects, zones.
#pragma once

#include <atomic>
#include <cstdint>

#include <khelp/osd.h>

#include "core/objects/osd_objects.hpp"
#include "core/objects/osd_slots.hpp"
#include "sync/mutex.hpp"

namespace khelp::osd {

inline constexpr unsigned max_types = 64;
extern mutex types_mutex;

struct slot_entry {
  enum slot_state : std::uint32_t {
    vacant,
    held,  // by a helper, whose values the framework keeps
    registered,
    leaving,  // values are only destroyed
    left      // nothing is done
  };
  std::atomic<std::uint32_t> state{vacant};  // changed under types_mutex
  std::atomic<std::uint32_t> uses{0};        // futex word of the deregistration
  // Constant while registered or leaving.
  khelp_osd_destructor_t destructor = nullptr;  // nullptr: values are dropped
  khelp_osd_method_t* methods = nullptr;        // the type's number of them; nullptr: none
};

class type {
 public:
  // Constant once defined.
  unsigned methods = 0;
  bool linked = true;  // its objects are listed through their linkage
  std::atomic<bool> defined{false};

  object_list objects;

  // Slots that were ever registered are 1 to slots(). Never shrinks.
  unsigned slots() const noexcept { return slots_; }
  // slot: 1 to slots().
  slot_entry& entry(unsigned slot) noexcept {
    return blocks_[(slot - 1) / block_size].load()[(slot - 1) % block_size];
  }
  // The lowest vacant slot; 0: none, or no memory for it.
  unsigned lowest_vacant() noexcept KHELP_REQUIRES(types_mutex);

 private:
  static constexpr unsigned block_size = 64;

  std::atomic<slot_entry*> blocks_[(osd_slots::max_slots + block_size - 1) / block_size] = {};
  std::atomic<unsigned> slots_{0};
};

// nullptr: no such type.
type* find_type(unsigned number) noexcept;
// The place of a type, defined or not. number: below max_types.
type& any_type(unsigned number) noexcept;

// A slot in use by this scope, or nothing.
class slot_use {
 public:
  enum purpose { to_store_or_call, to_destroy };
  slot_use(type& t, unsigned slot, purpose why) noexcept;
  slot_use(const slot_use&) = delete;
  slot_use& operator=(const slot_use&) = delete;
  ~slot_use();

  explicit operator bool() const noexcept { return entry_ != nullptr; }
  slot_entry& operator*() const noexcept { return *entry_; }
  slot_entry* operator->() const noexcept { return entry_; }

 private:
  friend std::uint32_t own_uses(const slot_entry& entry) noexcept;

  slot_entry* entry_ = nullptr;
  slot_use* outer_ = nullptr;  // this thread's uses, innermost first
};

// How many uses of an entry this thread has open: it is inside one of the slot's functions.
std::uint32_t own_uses(const slot_entry& entry) noexcept;
// Wait until nobody else uses a slot that was `leaving` or `left` before.
void wait_for_uses(slot_entry& entry) noexcept;

// In the child of a fork: the uses of other threads are gone.
void forget_uses_of_others() noexcept;

}  // namespace khelp::osd
