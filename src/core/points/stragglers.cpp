#include "core/points/stragglers.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <iterator>
#include <new>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/cancellation.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "core/points/hook_registry.hpp"
#include "core/points/hook_set.hpp"

namespace khelp {
namespace {

// Sections that are of no hook point, by what they name as their place.
struct named_section {
  std::atomic<const void*> key{nullptr};
  const char* words = nullptr;
};
named_section named_sections[4];

// "1234 'name'"; without a name where there is no /proc.
std::string words_of_thread(pid_t tid) {
  const no_cancellation later;
  std::string number = std::to_string(tid);
  const unique_fd file(open(("/proc/self/task/" + number + "/comm").c_str(), O_RDONLY | O_CLOEXEC));
  char name[32];
  const ssize_t length = file ? read(file.get(), name, sizeof name) : 0;
  if (length <= 1)
    return number;
  return number + " '" + std::string(name, static_cast<std::size_t>(length - 1)) + "'";
}

std::string words_of_time(std::int64_t ns) {
  char words[32];
  std::snprintf(words, sizeof words, "%.3f s", static_cast<double>(ns) / 1e9);
  return words;
}

// Who has hooks in a set, each once; nullptr: nobody knows.
std::string words_of_owners(const hook_set* set) {
  std::vector<std::string> names;
  for (std::size_t i = 0; set != nullptr && i < set->owners.size(); ++i) {
    const std::string& owner = set->owners[i]->wish().owner_name;
    std::string words = owner.empty() ? "nobody's" : "'" + owner + "'";
    if (std::find(names.begin(), names.end(), words) == names.end())
      names.push_back(std::move(words));
  }
  constexpr std::size_t most = 4;
  std::string words;
  for (std::size_t i = 0; i < names.size() && i < most; ++i)
    words += (i == 0 ? " (hooks of " : ", ") + names[i];
  if (names.size() > most)
    words += ", …";
  return words.empty() ? words : words + ")";
}

std::string words_of_place(const straggler& who) KHELP_EXCLUDES(registry_mutex) {
  for (const named_section& section : named_sections) {
    if (section.key.load() == who.point)
      return section.words;
  }
  lock_guard held(registry_mutex);
  std::string words = "a run of a hook list";
  the_hooks().for_each_point_with_ends([&](const hook_point_record& point) KHELP_NO_TSA {
    if (point.head != who.point)
      return;
    const published_set* used = nullptr;
    if (point.place.current() == who.set)
      used = point.place.current();
    for_each_retired([&](const published_set& set) { used = &set == who.set ? &set : used; });
    const std::string name = point.words.empty() ? the_hooks().words_for(point.name) : point.words;
    words =
        "a run of hook point '" + name + "'" + words_of_owners(dynamic_cast<const hook_set*>(used));
  });
  return words;
}

void log_long_wait(const straggler& who) {
  try {
    log(KHELP_LOG_WARNING, {"a wait without a limit: ", words_about(who)});
  } catch (const std::bad_alloc&) {
    log(KHELP_LOG_WARNING, {"a wait without a limit goes on"});
  }
}

[[gnu::constructor]] void watch_long_waits() {
  tell_of_long_waits(log_long_wait);
}

}  // namespace

void name_section(const void* key, const char* words) noexcept {
  static std::atomic<unsigned> count{0};
  const unsigned place = count++;
  KHELP_ASSERT(place < std::size(named_sections));
  named_sections[place].words = words;
  named_sections[place].key = key;
}

std::string words_about(const straggler& who) {
  if (who.point == nullptr) {
    return "somebody is still inside after " + words_of_time(who.seen_for_ns) +
           " of waiting: a run nested so deep, or a thread with so little memory, that it is not "
           "recorded; a constructor or destructor of per-object data, or a walk over objects";
  }
  const std::string thread = who.tid > 0 ? "thread " + words_of_thread(who.tid) : "a thread";
  return thread + " has been inside " + words_of_place(who) + " for " +
         words_of_time(who.seen_for_ns) + " at least";
}

failure still_inside(std::initializer_list<std::string_view> before,
                     const straggler& who) noexcept {
  try {
    std::string words;
    for (const std::string_view part : before)
      words += part;
    return {ETIMEDOUT, words + words_about(who)};
  } catch (const std::bad_alloc&) {
    return {ETIMEDOUT, std::string()};  // the code's own
  }
}

}  // namespace khelp
