#include "core/helpers/object_walk.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <sched.h>
#include <span>
#include <string>
#include <utility>

#include "base/cancellation.hpp"
#include "base/guarded.hpp"
#include "core/helpers/attachment.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/objects/osd_slots.hpp"
#include "core/zones/uma_zone.hpp"
#include "sync/event_count.hpp"
#include "sync/item_call.hpp"
#include "sync/run_wait.hpp"
#include "sync/section.hpp"
#include "sync/turn.hpp"

namespace khelp {
namespace {

constexpr std::size_t at_once = 16;
// An object that a run is inside of is asked again so often; most runs are shorter.
constexpr unsigned tries = 3;

std::array<std::atomic<khelp_object_name_t>, 32> names_by_class;

turn_state lending;  // one walk lends at a time
event_count given_back;

// What is lent. A row changes with the object's mark, under the object's stripe.
struct lent_data {
  khelp_osd* object = nullptr;
  void* item = nullptr;
  unsigned slot = 0;
  khelp_uma_zone* zone = nullptr;

  bool is_held() const noexcept {
    return zone->owner_of(item).load() == uma::owner{item_mark::holds, object};
  }
};
lent_data lent[at_once];
std::size_t lent_count = 0;

char walk_section;
deep_runs deep_walks;

// The stripe is held. The mark is the last that is touched: the owner may free the object then.
void put_back(const lent_data& data) noexcept {
  khelp_osd& osd = *data.object;
  // A revoke may have taken it meanwhile.
  if (data.is_held())
    osd_slots::exchange(osd, data.slot, data.item);
  const unsigned state = load_relaxed(osd.osd_state) & ~unsigned{osd_lent};
  store_release(osd.osd_state, static_cast<std::uint16_t>(state));
}

void name_object(const khelp_osd& osd, std::uint32_t classes, char (&to)[64]) noexcept {
  for (std::uint32_t left = classes; left != 0; left &= left - 1) {
    if (const auto name = names_by_class[static_cast<unsigned>(std::countr_zero(left))].load()) {
      guarded_to_the_end("", "object data", "the host's function that names an object",
                         [&] { name(&osd, to, sizeof to); });
      to[sizeof to - 1] = '\0';
      return;
    }
  }
}

// One walk. The helper's zone is pinned, so nothing of a helper that has a zone of its own is gone.
class walk {
 public:
  walk(helper& h, khelp_uma_zone& zone, const object_visitor& fn) : h_(h), zone_(zone), fn_(fn) {
    for (object_row& row : rows_)
      row.values.resize(field_count());
  }

  result<void> run() {
    uma::for_each_owned(
        &zone_,
        [](void* arg, void* item, uma::owner_place place) {
          static_cast<walk*>(arg)->found(item, place.load());
        },
        this);
    tell_found();
    if (stopped_)
      return {};
    if (!known_)
      return failure(ENOSYS, "objects: membarrier(2) is refused, so no data can be read");
    if (is_ending())
      return failure(ECANCELED, "helper '" + h_.name + "': is being unloaded");
    return {};
  }

 private:
  std::size_t field_count() const {
    return h_.native != nullptr && h_.native->report != nullptr ? h_.native->nfields : 0;
  }
  bool is_ending() const {
    const std::uint32_t state = h_.state();
    return state == KHELP_HELPER_GOING || state == KHELP_HELPER_DEAD;
  }
  bool is_over() const { return stopped_ || !known_ || is_ending(); }

  void found(void* item, const uma::owner& owner) {
    if (owner.mark != item_mark::holds || is_over())
      return;
    found_[found_count_++] = {static_cast<khelp_osd*>(const_cast<void*>(owner.address)), item,
                              h_.slot, &zone_};
    if (found_count_ == at_once)
      tell_found();
  }

  void tell_found() {
    std::size_t count = std::exchange(found_count_, 0);
    for (unsigned i = 0; i < tries && count != 0 && !is_over(); ++i) {
      if (i != 0)
        sched_yield();
      count = tell({found_.data(), count}, i + 1 == tries);
    }
  }

  // How many are at the front of `wanted` then, because runs are inside of them.
  std::size_t tell(std::span<lent_data> wanted, bool in_use_too) {
    std::size_t told = 0;
    std::size_t again = 0;
    {
      const turn mine(lending);
      const no_cancellation later;
      const std::span<const lent_data> have = lend(wanted);
      const std::optional<open_since> then = sections_from_now();
      known_ = then.has_value();
      const sections_now sections(then.value_or(open_since{}));
      for (const lent_data& data : have) {
        const bool in_use = !known_ || sections.may_be_of(data.object);
        if (in_use && !in_use_too)
          wanted[again++] = data;
        else if (read(data, in_use, rows_[told]))
          ++told;
      }
      give_back();
    }
    for (std::size_t i = 0; i < told && !is_over(); ++i)
      stopped_ = !fn_(h_.native, rows_[i]);
    return again;
  }

  // Those of them that objects still hold.
  std::span<const lent_data> lend(std::span<const lent_data> wanted) noexcept {
    const shut_gate nobody_passes(object_gate);
    if (!nobody_passes.certain())
      return {};
    for (const lent_data& data : wanted) {
      const futex_guard stripe(osd_stripe(*data.object));
      // Whoever destroys the object clears this first, under the stripe or behind the gate.
      if (!data.is_held())
        continue;
      khelp_osd& osd = *data.object;
      lent[lent_count++] = data;
      const unsigned state = load_relaxed(osd.osd_state) | osd_lent;
      store_release(osd.osd_state, static_cast<std::uint16_t>(state));
      osd_slots::exchange(osd, data.slot, nullptr);
    }
    return {lent, lent_count};
  }

  static void give_back() noexcept {
    while (lent_count != 0) {
      const lent_data& last = lent[lent_count - 1];
      const futex_guard stripe(osd_stripe(*last.object));
      put_back(last);
      --lent_count;  // under the stripe: a fork's child finds both or none
    }
    given_back.notify();
  }

  // False: a revoke was quicker.
  bool read(const lent_data& data, bool in_use, object_row& row) noexcept {
    // A revoke that takes the data from here on waits for this section before it ends it.
    const any_section section(&walk_section, nullptr, deep_walks, data.object);
    light_barrier();
    if (!data.is_held())
      return false;
    row.object = data.object;
    row.classes = load_relaxed(data.object->osd_classes);
    row.name[0] = '\0';
    name_object(*data.object, row.classes, row.name);
    if (row.values.empty()) {
      row.state = KHELP_OBJECT_NO_FIELDS;
    } else if (in_use) {
      row.state = KHELP_OBJECT_IN_USE;
    } else {
      std::fill(row.values.begin(), row.values.end(), khelp_value{});
      const bool returned = guarded_to_the_end("helper", h_.name, "its report function", [&] {
        h_.native->report(data.item, row.values.data());
      });
      row.state = returned ? KHELP_OBJECT_READ : KHELP_OBJECT_REPORT_THREW;
    }
    return true;
  }

  helper& h_;
  khelp_uma_zone& zone_;
  const object_visitor& fn_;
  bool stopped_ = false;
  bool known_ = true;
  std::array<lent_data, at_once> found_;
  std::size_t found_count_ = 0;
  std::array<object_row, at_once> rows_;
};

// ---- words ----

void append_value(std::string& words, const khelp_field& field, const khelp_value& value) {
  words += field.name;
  words += ' ';
  char number[32];
  if (field.kind == KHELP_FIELD_DURATION) {
    std::snprintf(number, sizeof number, "%.3f", static_cast<double>(value.number) / 1000);
    words += number;
    words += " us";
    return;
  }
  const bool is_signed = field.kind == KHELP_FIELD_NUMBER;
  words += is_signed ? std::to_string(value.number)
                     : std::to_string(static_cast<std::uint64_t>(value.number));
  if (field.unit != nullptr && field.unit[0] != '\0') {
    words += ' ';
    words += field.unit;
  }
}

// "10.0.0.1:443 (requests 3, slowest 450.000 us)", "one of class 0x10000".
std::string words_for(const khelp_helper_x* native, const object_row& row) {
  constexpr unsigned most_fields = 3;
  std::string words = row.name;
  if (words.empty()) {
    char text[32];
    std::snprintf(text, sizeof text, "one of class 0x%x", row.classes);
    words = text;
  }
  if (row.state != KHELP_OBJECT_READ)
    return words;
  unsigned shown = 0;
  for (std::size_t i = 0; i < row.values.size() && shown < most_fields; ++i) {
    if (row.values[i].present == 0)
      continue;
    words += shown++ == 0 ? " (" : ", ";
    append_value(words, native->fields[i], row.values[i]);
  }
  return shown == 0 ? words : words + ")";
}

}  // namespace

std::string words_for_holders(std::int32_t helper) {
  constexpr unsigned most_shown = 4;
  std::string words;
  unsigned shown = 0;
  (void)walk_objects(helper, [&](const khelp_helper_x* native, const object_row& row) {
    if (shown == most_shown) {
      words += ", …";
      return false;
    }
    words += shown++ == 0 ? ": " : ", ";
    words += words_for(native, row);
    return true;
  });
  return words;
}

whole_object_guard::whole_object_guard(khelp_osd& osd) noexcept KHELP_NO_TSA
    : stripe_(osd_stripe(osd)) {
  while (true) {
    const std::uint32_t ticket = given_back.ticket();
    stripe_.lock();
    // Who walks is not kept waiting by what it has lent itself.
    if ((load_relaxed(osd.osd_state) & osd_lent) == 0 || lending.is_mine())
      return;
    stripe_.unlock();
    given_back.wait(ticket, look_again_ns);
  }
}

result<void> walk_objects(std::int32_t id, const object_visitor& fn) {
  if (would_wait_for_itself())
    return failure(EDEADLK, "objects: not from inside a hook, a walk or the end of data");
  const helper_registry::pinned_helper pinned = the_helpers().pin(id);
  if (pinned.is == nullptr)
    return failure(ENOENT, "no helper has id " + std::to_string(id));
  if (pinned.zone == nullptr)
    return {};
  const item_call nothing_ends_meanwhile;
  return walk(*pinned.is, *pinned.zone, fn).run();
}

result<void> set_object_names(std::uint32_t one_class, khelp_object_name_t name) {
  if (!std::has_single_bit(one_class))
    return failure(EINVAL, "objects: a class is one bit");
  names_by_class[static_cast<unsigned>(std::countr_zero(one_class))] = name;
  return {};
}

void walks_before_fork() noexcept KHELP_NO_TSA {
  lending.before_fork();
}

void walks_after_fork_in_parent() noexcept KHELP_NO_TSA {
  lending.after_fork_in_parent();
}

void walks_after_fork_in_child() noexcept KHELP_NO_TSA {
  if (lending.after_fork_in_child())
    return;
  for (std::size_t i = 0; i < std::exchange(lent_count, 0); ++i)
    put_back(lent[i]);
}

}  // namespace khelp
