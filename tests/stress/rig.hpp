// What the stress tests share: points, helpers and objects that take themselves away again, and
// latches to meet on.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <khelp/error.h>
#include <khelp/khelp.h>
#include <khelp/module.h>
#include <khelp/stats.h>

namespace stress {

inline constexpr std::uint32_t object_class = KHELP_HELPER_CLASS_APP;

// A type of points that no other test of the program uses.
std::int32_t fresh_type();

// How long a test may go on: `usual`, or KHELP_SOAK_SECONDS when that is set.
std::chrono::milliseconds budget(std::chrono::milliseconds usual);

// A gate that threads and hooks wait at. Opened once.
class gate {
 public:
  void open() {
    open_ = true;
    open_.notify_all();
  }
  bool is_open() const { return open_; }
  void wait() const { open_.wait(false); }

 private:
  std::atomic<bool> open_{false};
};

struct point {
  explicit point(std::int32_t of_type = fresh_type(), std::int32_t of_id = 0,
                 std::uint32_t flags = 0);
  ~point();
  point(const point&) = delete;
  point& operator=(const point&) = delete;

  void run(void* ctx = nullptr, khelp_osd* osd = nullptr) const {
    khelp_hhook_run_hooks(head, ctx, osd);
  }

  std::int32_t type;
  std::int32_t id;
  khelp_hhook_head* head = nullptr;
};

khelp_hookinfo hook_at(const point& p, khelp_hhook_func_t fn, void* udata = nullptr);

// A native helper's declaration. Its name, hooks and this struct itself stay where they are.
struct declared {
  explicit declared(std::string helper_name, std::uint32_t flags = 0, std::size_t data_size = 0);
  declared(const declared&) = delete;
  declared& operator=(const declared&) = delete;

  void add(const point& p, khelp_hhook_func_t fn, void* udata = nullptr, std::int32_t priority = 0);
  int load();
  int unload(int how = KHELP_UNLOAD_REFUSE, std::int64_t timeout_ns = 0) const;

  std::string name;
  std::vector<khelp_hookinfo_x> hooks;
  khelp_helper_x x{};
  std::int32_t id = 0;
};

// The counts of one hook at one point; all zero when there is none.
khelp_hook_stat stat_of_hook(const point& p, const std::string& helper);
khelp_helper_stat stat_of_helper(const std::string& helper);

// Complete what was begun inside hooks; nobody is in one any more.
void reap_all();

// Run `body` in a forked child; its exit status (0: it went well).
int in_child(void (*body)());
// To be called in such a child, where gtest's assertions tell nobody.
void demand(bool condition, const char* words);

}  // namespace stress
