/// A module in FreeBSD's style goes through a whole life: loaded from its file, hooked, given data
/// on objects, asked to go while it is held, unloaded. The module: freebsd_every_identifier.c.
#include <arpa/inet.h>
#include <cerrno>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <khelp/clock.h>
#include <khelp/error.h>
#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/loader.h>
#include <khelp/tcp.h>
#include <khelp/uma.h>

#include "freebsd_every_identifier.h"
#include "freebsd_plain_module.h"

namespace {

/// One end of a connection, and the two points, as the TCP subsystem runs them.
class connection {
 public:
  connection() {
    tcb_.t_inpcb = &identity_;
    tcb_.osd = &tcb_.t_osd;
    tcb_.t_maxseg = 1000;
    tcb_.t_flags = KHELP_TF_TSO;
    tcb_.snd_cwnd = 4000;
    EXPECT_EQ(khelp_hhook_head_register(KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_IN, &in_,
                                        KHELP_HHOOK_WAITOK),
              0);
    EXPECT_EQ(khelp_hhook_head_register(KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_OUT, &out_,
                                        KHELP_HHOOK_WAITOK),
              0);
  }
  ~connection() {
    close();
    EXPECT_EQ(khelp_hhook_head_deregister(in_), 0);
    EXPECT_EQ(khelp_hhook_head_deregister(out_), 0);
    khelp_clock_reset();
  }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  int open() { return khelp_init_osd(KHELP_HELPER_CLASS_TCP, &tcb_.t_osd); }
  void close() { khelp_destroy_osd(&tcb_.t_osd); }

  void send(uint32_t seq, uint32_t len, uint32_t milliseconds) {
    khelp_clock_set(std::int64_t{milliseconds} * 1'000'000);
    khelp_tcphdr th{};
    khelp_tcpopt to{};
    th.th_seq = htonl(seq);
    to.to_flags = KHELP_TOF_TS;
    to.to_tsval = htonl(milliseconds);
    run(out_, th, to, len);
  }
  void acknowledge(uint32_t ack, uint32_t echo, uint32_t milliseconds) {
    khelp_clock_set(std::int64_t{milliseconds} * 1'000'000);
    khelp_tcphdr th{};
    khelp_tcpopt to{};
    th.th_ack = ack;
    to.to_flags = KHELP_TOF_TS;
    to.to_tsval = 1;
    to.to_tsecr = echo;
    run(in_, th, to, 0);
    tcb_.snd_una = ack;
  }

  const every_report* report() {
    return static_cast<const every_report*>(khelp_get_osd(&tcb_.t_osd, khelp_get_id("every")));
  }
  bool hooked() { return khelp_hhooks_enabled(in_) || khelp_hhooks_enabled(out_); }

 private:
  void run(khelp_hhook_head* point, khelp_tcphdr& th, khelp_tcpopt& to, uint32_t len) {
    khelp_tcp_hhook_data context{};
    context.tp = &tcb_;
    context.th = &th;
    context.to = &to;
    context.len = len;
    khelp_hhooks_run_if(point, &context, tcb_.osd);
  }

  khelp_inpcb identity_{};
  khelp_tcpcb tcb_{};
  khelp_hhook_head* in_ = nullptr;
  khelp_hhook_head* out_ = nullptr;
};

std::int32_t load() {
  std::int32_t id = 0;
  EXPECT_EQ(khelp_load(EVERY_MODULE, nullptr, &id), 0) << khelp_failure_text();
  return id;
}

/// Items out of the module's own zone; -1: the zone does not exist.
int segments_in_zone() {
  int used = -1;
  khelp_uma_stats(
      [](void* arg, const khelp_uma_stat* stat) {
        if (std::string(stat->name) == EVERY_ZONE)
          *static_cast<int*>(arg) = static_cast<int>(stat->used);
      },
      &used);
  return used;
}

TEST(freebsd_module, each_object_gets_zeroed_data_and_its_hooks_see_it) {
  std::int32_t module = load();
  {
    connection c;
    ASSERT_EQ(c.open(), 0);
    c.send(1000, 500, 10);
    c.send(1500, 500, 20);
    ASSERT_NE(c.report(), nullptr);
    EXPECT_EQ(c.report()->was_zeroed, 1u);
    EXPECT_EQ(c.report()->sent, 2u);
    EXPECT_EQ(c.report()->bytes, 1000u);
    EXPECT_EQ(segments_in_zone(), 2);

    c.acknowledge(1500, 10, 60);
    EXPECT_EQ(c.report()->acknowledged, 1u);
    EXPECT_EQ(c.report()->waiting, 1u);
    EXPECT_EQ(c.report()->rtt, 51);
    EXPECT_EQ(c.report()->window, 4000u);
    EXPECT_EQ(c.report()->stale, 0u);

    c.close();  // its destructor frees the segment that waits
    EXPECT_EQ(segments_in_zone(), 0);
    ASSERT_EQ(c.open(), 0);
    c.send(1, 1, 70);
    EXPECT_EQ(c.report()->was_zeroed, 1u) << "recycled memory is zeroed, too (K-40)";
    EXPECT_EQ(c.report()->sent, 1u);
  }
  EXPECT_EQ(khelp_unload(module, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
}

TEST(freebsd_module, an_object_with_its_data_refuses_the_unload) {
  std::int32_t module = load();
  connection c;
  ASSERT_EQ(c.open(), 0);
  EXPECT_EQ(khelp_unload(module, KHELP_UNLOAD_REFUSE, 0), EBUSY);
  c.send(1, 100, 1);
  ASSERT_NE(c.report(), nullptr);
  EXPECT_EQ(c.report()->sent, 1u) << "refused, it goes on as before (K-10)";
  c.close();
  EXPECT_EQ(khelp_unload(module, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  EXPECT_FALSE(c.hooked());
  EXPECT_EQ(segments_in_zone(), -1) << "mod_destroy destroyed its zone";
  EXPECT_EQ(khelp_get_id("every"), -1);
}

TEST(freebsd_module, revoking_destroys_its_data_before_its_zone) {
  std::int32_t module = load();
  connection c;
  ASSERT_EQ(c.open(), 0);
  c.send(1, 100, 1);
  EXPECT_EQ(segments_in_zone(), 1);
  EXPECT_EQ(khelp_unload(module, KHELP_UNLOAD_REVOKE, 0), 0) << khelp_failure_text();
  EXPECT_EQ(segments_in_zone(), -1);
  EXPECT_EQ(c.report(), nullptr);
  EXPECT_FALSE(c.hooked());
}

TEST(freebsd_module, an_object_older_than_the_module_is_skipped) {
  connection c;
  ASSERT_EQ(c.open(), 0);
  std::int32_t module = load();
  c.send(1, 100, 1);
  EXPECT_EQ(c.report(), nullptr) << "upstream's rule for modules of its style (K-25)";
  EXPECT_EQ(khelp_unload(module, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
}

TEST(freebsd_module, it_is_described_without_running_its_code) {
  std::string lines;
  EXPECT_EQ(khelp_check_file(
                EVERY_MODULE,
                [](void* arg, int, const char* line) {
                  static_cast<std::string*>(arg)->append(line).append("\n");
                },
                &lines),
            0);
  EXPECT_NE(lines.find("every"), std::string::npos) << lines;
  EXPECT_NE(lines.find("khelp_tcp_hhook_data"), std::string::npos) << lines;
}

/// Hears the events of the plain module, and answers them.
class listener {
 public:
  listener() {
    EXPECT_EQ(
        khelp_hhook_head_register(PLAIN_POINT_TYPE, PLAIN_POINT_ID, &point_, KHELP_HHOOK_WAITOK),
        0);
    hook_.hook_func = [](int32_t, int32_t, void* self, void* context, void*, khelp_osd*) {
      static_cast<listener*>(self)->hear(*static_cast<plain_event*>(context));
      return 0;
    };
    hook_.hook_udata = this;
    EXPECT_EQ(khelp_hhook_add_hook(point_, &hook_, KHELP_HHOOK_WAITOK), 0);
  }
  ~listener() {
    // A hook that is not removed would wait for the point to come back.
    EXPECT_EQ(khelp_hhook_remove_hook(point_, &hook_), 0);
    EXPECT_EQ(khelp_hhook_head_deregister(point_), 0);
  }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  std::vector<int> heard;
  int answer_to = -1;  // this event gets
  int answer = 0;      // this answer

 private:
  void hear(plain_event& told) {
    EXPECT_EQ(told.argument, PLAIN_ARGUMENT);
    heard.push_back(told.event);
    told.answer = told.event == answer_to ? answer : 0;
  }

  khelp_hhook_head* point_ = nullptr;
  khelp_hookinfo hook_{};
};

TEST(freebsd_module, one_that_is_no_helper_handles_its_events_itself) {
  listener l;
  std::int32_t id = 0;
  ASSERT_EQ(khelp_load(PLAIN_MODULE, nullptr, &id), 0) << khelp_failure_text();
  EXPECT_EQ(l.heard, std::vector<int>{KHELP_MOD_LOAD});
  EXPECT_EQ(khelp_module_find("plain"), id);
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  EXPECT_EQ(l.heard, (std::vector<int>{KHELP_MOD_LOAD, KHELP_MOD_QUIESCE, KHELP_MOD_UNLOAD}));
}

TEST(freebsd_module, its_own_error_refuses_the_load) {
  listener l;
  l.answer_to = KHELP_MOD_LOAD;
  l.answer = ENXIO;
  std::int32_t id = 0;
  EXPECT_EQ(khelp_load(PLAIN_MODULE, nullptr, &id), ENXIO) << "not only printed (M-3)";
  EXPECT_EQ(khelp_module_find("plain"), -1);
}

TEST(freebsd_module, its_veto_refuses_the_unload) {
  listener l;
  std::int32_t id = 0;
  ASSERT_EQ(khelp_load(PLAIN_MODULE, nullptr, &id), 0) << khelp_failure_text();
  l.answer_to = KHELP_MOD_QUIESCE;
  l.answer = EBUSY;
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), EBUSY);
  EXPECT_EQ(khelp_module_find("plain"), id);
  l.answer_to = -1;
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
}

TEST(freebsd_module, an_answer_of_not_supported_is_no_veto) {
  listener l;
  std::int32_t id = 0;
  ASSERT_EQ(khelp_load(PLAIN_MODULE, nullptr, &id), 0) << khelp_failure_text();
  l.answer_to = KHELP_MOD_QUIESCE;
  l.answer = EOPNOTSUPP;
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
}

TEST(freebsd_module, one_without_a_handler_cannot_be_unloaded) {
  std::int32_t id = 0;
  ASSERT_EQ(khelp_load(SILENT_MODULE, nullptr, &id), 0) << khelp_failure_text();
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), EBUSY);
  EXPECT_EQ(khelp_module_find("silent"), id);
}

}  // namespace
