// Whether helpers may go: their objects, and who decides.
#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "core/helpers/attachment.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/helpers/object_walk.hpp"
#include "core/helpers/registry_parts.hpp"
#include "sync/item_call.hpp"

namespace khelp {
namespace {

std::string objects_that(std::uint64_t objects, const char* one, const char* several) {
  return std::to_string(objects) + (objects == 1 ? " object " : " objects ") +
         (objects == 1 ? one : several);
}

// Somebody has a reference.
failure busy(const helper& h) {
  const helper::holders by = h.held_by();
  std::string words = quoted(h.name) + ": ";
  if (by.objects != 0 || by.in_hand == 0)
    words += objects_that(by.objects, "holds its data", "hold its data");
  else
    words += objects_that(by.in_hand, "is just being given its data, or losing it; try again",
                          "are just being given its data, or losing it; try again");
  return {EBUSY, std::move(words)};
}

void give_up_claims(helper_batch batch) KHELP_EXCLUDES(registry_mutex) {
  lock_guard held(registry_mutex);
  for (const auto& h : batch)
    h->rest();
}

void claim_for_unload(helper& h) KHELP_REQUIRES(registry_mutex) {
  h.begin_check();
}

void keep_quiesced(helper& h) KHELP_REQUIRES(registry_mutex) {
  h.quiesce(true);
}

// A thread that attaches from now on sees the helpers' states, or its reference is counted.
result<void> have_states_seen(helper_batch batch) {
  const auto keeps_data = [](const auto& h) { return h->keeps_data(); };
  if (attachments_see_states(std::any_of(batch.begin(), batch.end(), keeps_data)))
    return {};
  return failure(ENOSYS, quoted(batch.front()->name) +
                             ": membarrier(2) is refused: whether a thread is just giving its data "
                             "to an object cannot be known");
}

// Of helpers that nobody else can end meanwhile.
result<void> check_free(helper_batch batch) {
  for (const auto& h : batch) {
    if (h->attached_as_told() != 0)
      return busy(*h);
  }
  return {};
}

// Wait until no object holds its data, or somebody ends it. It attaches no more meanwhile.
result<void> wait_until_free(helper& h, const deadline& limit) {
  const auto is_free = [&h] { return h.attached() == 0 || h.is_ending(); };
  if (is_free())
    return {};
  const event_count::watch watched(h.changes());
  while (true) {
    const std::uint32_t ticket = h.changes().ticket();
    if (is_free())
      return {};
    if (limit.has_passed())
      return too_late(h);
    h.changes().wait(ticket, look_again_ns);
  }
}

}  // namespace

failure too_late(const helper& h) {
  lock_guard held(registry_mutex);
  if (h.is_ending())
    return being_unloaded(h);
  if (h.attached() == 0)
    return {ETIMEDOUT, quoted(h.name) + ": another thread is unloading it"};
  failure words = busy(h);
  words.code = ETIMEDOUT;
  return words;
}

failure with_holders(failure why, helper_batch batch) {
  if (why.code != EBUSY && why.code != ETIMEDOUT)
    return why;
  for (const auto& h : batch) {
    if (h->attached() == 0)
      continue;
    try {
      why.detail += words_for_holders(h->id);
    } catch (const std::bad_alloc&) {  // the number says enough
    }
    break;
  }
  return why;
}

result<void> helper_registry::drain(helper_batch batch, const deadline& limit,
                                    void (*then)(helper&)) {
  {
    lock_guard held(registry_mutex);
    for (const auto& h : batch) {
      if (h->is_ending())
        return being_unloaded(*h);
    }
    for (const auto& h : batch) {
      h->begin_wait();
    }
  }
  struct waiting {
    helper_batch batch;
    ~waiting() {
      lock_guard held(registry_mutex);
      for (const auto& h : batch) {
        h->end_wait();
      }
    }
  } const meanwhile{batch};
  if (auto seen = have_states_seen(batch); !seen)
    return seen;
  // They attach no more, so each of them has to be waited for once.
  for (const auto& h : batch) {
    if (auto done = wait_until_free(*h, limit); !done)
      return done;
  }
  while (true) {
    helper* checked = nullptr;  // by somebody else, just now
    std::uint32_t ticket = 0;
    {
      lock_guard held(registry_mutex);
      for (const auto& h : batch) {
        if (h->is_ending())
          return being_unloaded(*h);
        if (h->state() == KHELP_HELPER_DRAINING)
          continue;
        checked = h.get();
        ticket = h->changes().ticket();
      }
      if (checked == nullptr) {
        for (const auto& h : batch)
          then(*h);
        return {};
      }
    }
    if (limit.has_passed())
      return too_late(*checked);
    checked->changes().wait(ticket, look_again_ns);
  }
}

result<void> helper_registry::claim(helper_batch batch, int how, const deadline& limit) {
  if (how == KHELP_UNLOAD_WAIT)
    return drain(batch, limit, claim_for_unload);
  {
    lock_guard held(registry_mutex);
    for (const auto& h : batch) {
      if (!h->is_at_rest())
        return being_unloaded(*h);
    }
    if (how == KHELP_UNLOAD_REFUSE) {
      if (auto free = check_free(batch); !free)
        return free;
    }
    for (const auto& h : batch)
      claim_for_unload(*h);
  }
  if (how == KHELP_UNLOAD_REVOKE)
    return {};
  return check_free_for_good(batch);
}

result<void> helper_registry::check_free_for_good(helper_batch batch) {
  // Also when there is no memory for the words of the answer.
  struct give_up_unless_done {
    helper_batch batch;
    bool done = false;
    ~give_up_unless_done() {
      if (!done)
        give_up_claims(batch);
    }
  } undo{batch};
  if (auto seen = have_states_seen(batch); !seen)
    return seen;
  auto free = check_free(batch);
  undo.done = free.has_value();
  return free;
}

result<void> helper_registry::quiesce(std::int32_t id) {
  const std::shared_ptr<helper> h = find(id);
  if (h == nullptr)
    return failure(ENOENT, "no such helper");
  if (auto claimed = claim({&h, 1}, KHELP_UNLOAD_REFUSE, deadline(-1)); !claimed)
    return with_holders(std::move(claimed).error(), {&h, 1});
  lock_guard held(registry_mutex);
  keep_quiesced(*h);
  h->rest();
  return {};
}

result<void> helper_registry::resume(std::int32_t id) {
  const std::shared_ptr<helper> h = find(id);
  if (h == nullptr)
    return {};
  lock_guard held(registry_mutex);
  h->quiesce(false);
  return {};
}

result<void> helper_registry::drain(std::int32_t id, const deadline& limit) {
  const std::shared_ptr<helper> h = find(id);
  if (h == nullptr)
    return failure(ENOENT, "no such helper");
  if (would_wait_for_itself())
    return failure(EDEADLK,
                   quoted(h->name) + ": waiting inside a hook or the end of data would never end");
  if (auto drained = drain({&h, 1}, limit, keep_quiesced); !drained)
    return with_holders(std::move(drained).error(), {&h, 1});
  return {};
}

}  // namespace khelp
