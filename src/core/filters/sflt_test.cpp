#include <atomic>
#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>
#include <netinet/in.h>
#include <set>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/sflt.h>

// The program's.
struct khelp_socket {
  khelp_sflt_socket* filters = nullptr;
};

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> notes;
int verdict_of[10];     // by handle: what data_in answers
int attach_answer = 0;  // what attach answers

void* number(std::uintptr_t n) {
  return reinterpret_cast<void*>(n);
}
std::string said(const char* what, void* cookie) {
  return what + std::to_string(reinterpret_cast<std::uintptr_t>(cookie));
}

template <std::uintptr_t handle>
int attach(void** cookie, khelp_socket*) {
  *cookie = number(handle);
  notes.push_back(said("attach ", *cookie));
  return attach_answer;
}
void detach(void* cookie, khelp_socket*) {
  notes.push_back(said("detach ", cookie));
}
void unregistered(std::uint32_t handle) {
  notes.push_back(said("unregistered ", number(handle)));
}
int data_in(void* cookie, khelp_socket*, const sockaddr*, khelp_mbuf**, khelp_mbuf**,
            std::uint32_t) {
  notes.push_back(said("data ", cookie));
  return verdict_of[reinterpret_cast<std::uintptr_t>(cookie)];
}

template <std::uintptr_t handle>
khelp_sflt_filter filter(int flags = 0) {
  khelp_sflt_filter f{};
  f.sf_handle = handle;
  f.sf_flags = flags;
  f.sf_name = "test";
  f.sf_unregistered = unregistered;
  f.sf_attach = attach<handle>;
  f.sf_detach = detach;
  f.sf_data_in = data_in;
  return f;
}

int add(const khelp_sflt_filter& f) {
  return khelp_sflt_register(&f, PF_INET, SOCK_STREAM, IPPROTO_TCP);
}

int ask(khelp_socket& so, khelp_sflt_question question = KHELP_SFLT_DATA_IN) {
  khelp_sflt_call call{};
  call.question = question;
  return khelp_sflt_ask(so.filters, &call);
}

class sflt : public testing::Test {
 protected:
  sflt() {
    notes.clear();
    attach_answer = 0;
    for (int& verdict : verdict_of)
      verdict = 0;
    so_.filters = open(so_);
  }
  ~sflt() override {
    if (so_.filters != nullptr) {
      EXPECT_EQ(khelp_sflt_socket_close(so_.filters), 0);
    }
    for (std::uint32_t handle = 1; handle < 10; ++handle) {
      khelp_sflt_unregister(handle);
      EXPECT_EQ(khelp_sflt_wait(handle), 0);
    }
  }
  static khelp_sflt_socket* open(khelp_socket& so) {
    return khelp_sflt_socket_open(&so, PF_INET, SOCK_STREAM, 0);
  }

  khelp_socket so_;
};

TEST_F(sflt, conformance_47_the_last_attached_is_asked_first_and_the_first_answer_is_the_last) {
  ASSERT_EQ(add(filter<1>()), 0);
  ASSERT_EQ(add(filter<2>()), 0);
  ASSERT_EQ(add(filter<3>()), 0);
  for (std::uint32_t handle : {1u, 2u, 3u})
    ASSERT_EQ(khelp_sflt_attach(&so_, handle), 0);
  notes.clear();
  EXPECT_EQ(ask(so_), 0);
  EXPECT_THAT(notes, ElementsAre("data 3", "data 2", "data 1"));
  notes.clear();
  verdict_of[2] = KHELP_EJUSTRETURN;
  EXPECT_EQ(ask(so_), KHELP_EJUSTRETURN);
  EXPECT_THAT(notes, ElementsAre("data 3", "data 2"));
  verdict_of[3] = EPERM;
  EXPECT_EQ(ask(so_), EPERM);
}

TEST_F(sflt, the_order_may_be_that_of_a_stack_in_one_direction_D_6) {
  ASSERT_EQ(add(filter<1>()), 0);
  ASSERT_EQ(add(filter<2>()), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 1), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 2), 0);
  notes.clear();
  khelp_sflt_call call{};
  call.question = KHELP_SFLT_DATA_IN;
  call.oldest_first = 1;
  EXPECT_EQ(khelp_sflt_ask(so_.filters, &call), 0);
  EXPECT_THAT(notes, ElementsAre("data 1", "data 2"));
}

TEST_F(sflt, conformance_47_what_ejustreturn_means_depends_on_the_question) {
  EXPECT_EQ(khelp_sflt_action(KHELP_SFLT_DATA_IN, 0), KHELP_SFLT_GO_ON);
  for (auto question : {KHELP_SFLT_DATA_IN, KHELP_SFLT_DATA_OUT})
    EXPECT_EQ(khelp_sflt_action(question, KHELP_EJUSTRETURN), KHELP_SFLT_SWALLOWED);
  for (auto question :
       {KHELP_SFLT_CONNECT_OUT, KHELP_SFLT_BIND, KHELP_SFLT_LISTEN, KHELP_SFLT_SETOPTION,
        KHELP_SFLT_GETOPTION, KHELP_SFLT_IOCTL, KHELP_SFLT_GETPEERNAME, KHELP_SFLT_GETSOCKNAME})
    EXPECT_EQ(khelp_sflt_action(question, KHELP_EJUSTRETURN), KHELP_SFLT_DONE);
  EXPECT_EQ(khelp_sflt_action(KHELP_SFLT_ACCEPT, KHELP_EJUSTRETURN), KHELP_SFLT_DISCONNECT);
  EXPECT_EQ(khelp_sflt_action(KHELP_SFLT_ACCEPT, EPERM), KHELP_SFLT_REJECT);
  EXPECT_EQ(khelp_sflt_action(KHELP_SFLT_CONNECT_IN, EPERM), KHELP_SFLT_REJECT);
  EXPECT_EQ(khelp_sflt_action(KHELP_SFLT_DATA_OUT, EPERM), KHELP_SFLT_FAIL);
  EXPECT_EQ(khelp_sflt_action(KHELP_SFLT_BIND, EPERM), KHELP_SFLT_FAIL);
}

TEST_F(sflt, conformance_47_unregistered_is_called_once_and_last) {
  ASSERT_EQ(add(filter<1>()), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 1), 0);
  khelp_socket other;
  other.filters = open(other);
  ASSERT_EQ(khelp_sflt_attach(&other, 1), 0);
  notes.clear();
  EXPECT_EQ(khelp_sflt_unregister(1), 0);
  EXPECT_THAT(notes, ElementsAre("detach 1", "detach 1", "unregistered 1"));
  EXPECT_EQ(khelp_sflt_unregister(1), ENOENT);
  EXPECT_EQ(khelp_sflt_wait(1), 0);
  EXPECT_EQ(khelp_sflt_socket_close(other.filters), 0);
  EXPECT_EQ(notes.size(), 3u);
}

TEST_F(sflt, a_filter_may_unregister_itself_and_leaves_when_its_callback_has) {
  khelp_sflt_filter f = filter<1>();
  f.sf_data_in = [](void*, khelp_socket*, const sockaddr*, khelp_mbuf**, khelp_mbuf**,
                    std::uint32_t) {
    EXPECT_EQ(khelp_sflt_wait(1), EDEADLK);
    EXPECT_EQ(khelp_sflt_unregister(1), 0);
    notes.push_back("still inside");
    return 0;
  };
  ASSERT_EQ(add(f), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 1), 0);
  notes.clear();
  EXPECT_EQ(ask(so_), 0);
  EXPECT_THAT(notes, ElementsAre("still inside"));
  EXPECT_FALSE(khelp_sflt_any(so_.filters));
  EXPECT_EQ(khelp_sflt_wait(1), 0);
  EXPECT_THAT(notes, ElementsAre("still inside", "detach 1", "unregistered 1"));
}

TEST_F(sflt, what_is_no_filter_is_refused_in_words) {
  khelp_sflt_filter f = filter<1>();
  EXPECT_EQ(khelp_sflt_register(&f, PF_UNIX, SOCK_STREAM, 0), ENOTSUP);
  EXPECT_EQ(khelp_sflt_register(&f, PF_INET, SOCK_STREAM, IPPROTO_UDP), ENOENT);
  EXPECT_EQ(khelp_sflt_register(nullptr, PF_INET, SOCK_STREAM, 0), EINVAL);
  for (int missing = 0; missing < 4; ++missing) {
    f = filter<1>();
    if (missing == 0)
      f.sf_handle = 0;
    else if (missing == 1)
      f.sf_name = nullptr;
    else if (missing == 2)
      f.sf_attach = nullptr;
    else
      f.sf_detach = nullptr;
    EXPECT_EQ(add(f), EINVAL) << missing;
    EXPECT_STRNE(khelp_failure_text(), "");
  }
  ASSERT_EQ(add(filter<1>()), 0);
  EXPECT_EQ(add(filter<1>()), EEXIST);
  EXPECT_EQ(khelp_sflt_wait(1), EBUSY);
}

TEST_F(sflt, a_flag_that_there_is_none_and_a_forgotten_length_are_refused_in_words) {
  khelp_sflt_filter f = filter<1>(KHELP_SFLT_GLOBAL | 0x10);
  EXPECT_EQ(add(f), EINVAL);
  EXPECT_STREQ(khelp_failure_text(), "socket filter: it has flags that there are none");
  f.sf_flags = KHELP_SFLT_EXTENDED;
  EXPECT_EQ(add(f), EINVAL);
  EXPECT_STREQ(khelp_failure_text(), "socket filter: the extension is shorter than it should be");
  f.sf_len = sizeof f.sf_ext;
  EXPECT_EQ(add(f), 0);
}

TEST_F(sflt, a_question_that_there_is_none_is_refused_and_nobody_is_asked) {
  ASSERT_EQ(add(filter<1>()), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 1), 0);
  verdict_of[1] = EPERM;
  khelp_sflt_call call{};
  for (std::uint32_t question : {KHELP_SFLT_ACCEPT + 1u, 99u, UINT32_MAX}) {
    call.question = question;
    EXPECT_EQ(khelp_sflt_ask(so_.filters, &call), EINVAL);
    EXPECT_STREQ(khelp_failure_text(), "socket filter: there is no such question");
  }
}

TEST_F(sflt, a_filter_is_attached_once_to_a_socket_D_4) {
  ASSERT_EQ(add(filter<1>()), 0);
  ASSERT_EQ(add(filter<2>()), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 1), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 2), 0);
  EXPECT_EQ(khelp_sflt_attach(&so_, 1), EEXIST);
  EXPECT_EQ(khelp_sflt_attach(&so_, 2), EEXIST);
  EXPECT_EQ(khelp_sflt_attach(&so_, 3), EINVAL);
  EXPECT_EQ(khelp_sflt_attach(nullptr, 1), EINVAL);
}

TEST_F(sflt, detaching_what_is_not_attached_is_no_error_D_5) {
  ASSERT_EQ(add(filter<1>()), 0);
  EXPECT_EQ(khelp_sflt_detach(&so_, 1), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 1), 0);
  notes.clear();
  EXPECT_EQ(khelp_sflt_detach(&so_, 1), 0);
  EXPECT_THAT(notes, ElementsAre("detach 1"));
  EXPECT_EQ(khelp_sflt_attach(&so_, 1), 0) << "it may come back";
}

TEST_F(sflt, a_filter_that_does_not_want_the_socket_is_neither_asked_nor_detached) {
  ASSERT_EQ(add(filter<1>()), 0);
  attach_answer = EPERM;
  EXPECT_EQ(khelp_sflt_attach(&so_, 1), EPERM);
  EXPECT_FALSE(khelp_sflt_any(so_.filters));
  EXPECT_EQ(ask(so_), 0);
  EXPECT_THAT(notes, ElementsAre("attach 1"));
}

TEST_F(sflt, global_filters_join_new_sockets_of_their_kind_in_order_of_registration) {
  ASSERT_EQ(add(filter<5>(KHELP_SFLT_GLOBAL)), 0);
  ASSERT_EQ(add(filter<2>(KHELP_SFLT_GLOBAL)), 0);
  ASSERT_EQ(add(filter<7>(KHELP_SFLT_PROG)), 0);
  EXPECT_THAT(notes, IsEmpty()) << "the open socket is left alone";
  khelp_socket other;
  other.filters = open(other);
  EXPECT_THAT(notes, ElementsAre("attach 5", "attach 2"));
  notes.clear();
  khelp_socket datagrams;
  datagrams.filters = khelp_sflt_socket_open(&datagrams, PF_INET, SOCK_DGRAM, 0);
  EXPECT_FALSE(khelp_sflt_any(datagrams.filters));
  EXPECT_EQ(khelp_sflt_socket_close(datagrams.filters), 0);
  EXPECT_EQ(khelp_sflt_socket_close(other.filters), 0);
  EXPECT_THAT(notes, ElementsAre("detach 2", "detach 5"));
}

TEST_F(sflt, an_extended_registry_filter_joins_open_sockets_as_well) {
  ASSERT_EQ(add(filter<1>(KHELP_SFLT_GLOBAL | KHELP_SFLT_EXTENDED_REGISTRY)), 0);
  EXPECT_THAT(notes, ElementsAre("attach 1"));
  EXPECT_TRUE(khelp_sflt_any(so_.filters));
}

TEST_F(sflt, every_question_reaches_its_callback) {
  static std::set<std::string> asked;
  khelp_sflt_filter f = filter<1>(KHELP_SFLT_EXTENDED);
  f.sf_notify = [](void*, khelp_socket*, std::uint32_t event, void*) {
    EXPECT_EQ(event, std::uint32_t{KHELP_SFLT_EVENT_BOUND});
    asked.insert("notify");
  };
  f.sf_getpeername = [](void*, khelp_socket*, sockaddr**) { return asked.insert("peer"), 1; };
  f.sf_getsockname = [](void*, khelp_socket*, sockaddr**) { return asked.insert("sock"), 2; };
  f.sf_data_in = nullptr;
  f.sf_data_out = [](void*, khelp_socket*, const sockaddr*, khelp_mbuf**, khelp_mbuf**,
                     std::uint32_t flags) {
    EXPECT_EQ(flags, std::uint32_t{KHELP_SFLT_EVENT_BOUND});
    return asked.insert("out"), 4;
  };
  f.sf_connect_in = [](void*, khelp_socket*, const sockaddr*) { return asked.insert("from"), 5; };
  f.sf_connect_out = [](void*, khelp_socket*, const sockaddr*) { return asked.insert("to"), 6; };
  f.sf_bind = [](void*, khelp_socket*, const sockaddr*) { return asked.insert("bind"), 7; };
  f.sf_setoption = [](void*, khelp_socket*, khelp_sockopt*) { return asked.insert("set"), 8; };
  f.sf_getoption = [](void*, khelp_socket*, khelp_sockopt*) { return asked.insert("get"), 9; };
  f.sf_listen = [](void*, khelp_socket*) { return asked.insert("listen"), 10; };
  f.sf_ioctl = [](void*, khelp_socket*, unsigned long, const char*) {
    return asked.insert("ioctl"), 11;
  };
  f.sf_len = sizeof f.sf_ext;
  f.sf_accept = [](void*, khelp_socket*, khelp_socket*, const sockaddr*, const sockaddr*) {
    return asked.insert("accept"), 12;
  };
  ASSERT_EQ(add(f), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 1), 0);
  for (int question = KHELP_SFLT_NOTIFY; question <= KHELP_SFLT_ACCEPT; ++question) {
    khelp_sflt_call call{};
    call.question = static_cast<std::uint32_t>(question);
    call.flags = KHELP_SFLT_EVENT_BOUND;
    const bool has_no_answer = question == KHELP_SFLT_NOTIFY || question == KHELP_SFLT_DATA_IN;
    EXPECT_EQ(khelp_sflt_ask(so_.filters, &call), has_no_answer ? 0 : question);
  }
  EXPECT_EQ(asked.size(), 12u);
}

TEST_F(sflt, a_callback_that_throws_is_suspended_on_its_socket) {
  khelp_sflt_filter f = filter<1>();
  static int calls;
  calls = 0;
  f.sf_data_in = [](void*, khelp_socket*, const sockaddr*, khelp_mbuf**, khelp_mbuf**,
                    std::uint32_t) -> int {
    ++calls;
    throw 1;
  };
  ASSERT_EQ(add(f), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 1), 0);
  EXPECT_EQ(ask(so_), 0);
  EXPECT_EQ(ask(so_), 0);
  EXPECT_EQ(calls, 1);
}

TEST_F(sflt, a_socket_is_not_closed_from_inside_a_callback) {
  khelp_sflt_filter f = filter<1>();
  f.sf_data_in = [](void*, khelp_socket* so, const sockaddr*, khelp_mbuf**, khelp_mbuf**,
                    std::uint32_t) { return khelp_sflt_socket_close(so->filters); };
  ASSERT_EQ(add(f), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 1), 0);
  EXPECT_EQ(ask(so_), EDEADLK);
}

TEST_F(sflt, a_socket_is_open_to_filters_once) {
  EXPECT_EQ(open(so_), nullptr);
  EXPECT_EQ(khelp_sflt_socket_open(nullptr, PF_INET, SOCK_STREAM, 0), nullptr);
  EXPECT_EQ(khelp_sflt_socket_close(so_.filters), 0);
  so_.filters = open(so_);
  EXPECT_NE(so_.filters, nullptr);
}

std::latch* inside;
std::latch* may_leave;

TEST_F(sflt, unregistering_waits_for_a_callback_on_another_thread) {
  khelp_sflt_filter f = filter<1>();
  static std::atomic<bool> left;
  left = false;
  f.sf_data_in = [](void*, khelp_socket*, const sockaddr*, khelp_mbuf**, khelp_mbuf**,
                    std::uint32_t) {
    inside->count_down();
    may_leave->wait();
    left = true;
    return 0;
  };
  f.sf_detach = [](void*, khelp_socket*) { EXPECT_TRUE(left); };
  ASSERT_EQ(add(f), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 1), 0);
  std::latch entered(1);
  std::latch leave(1);
  inside = &entered;
  may_leave = &leave;
  std::thread runner([&] { ask(so_); });
  entered.wait();
  std::thread remover([] {
    EXPECT_EQ(khelp_sflt_unregister(1), 0);
    EXPECT_EQ(khelp_sflt_wait(1), 0);
    EXPECT_TRUE(left);
  });
  leave.count_down();
  runner.join();
  remover.join();
}

TEST_F(sflt, a_forked_child_closes_and_unregisters) {
  ASSERT_EQ(add(filter<1>()), 0);
  ASSERT_EQ(khelp_sflt_attach(&so_, 1), 0);
  const pid_t child = fork();
  if (child == 0) {
    const bool done = khelp_sflt_socket_close(so_.filters) == 0 && khelp_sflt_unregister(1) == 0 &&
                      khelp_sflt_wait(1) == 0;
    _exit(done ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// ---- many threads ----

std::atomic<int> attached_now;
std::atomic<int> unregistered_calls;
thread_local unsigned asked_here;

khelp_sflt_filter counting(std::uint32_t handle) {
  khelp_sflt_filter f{};
  f.sf_handle = handle;
  f.sf_flags = KHELP_SFLT_GLOBAL | KHELP_SFLT_EXTENDED_REGISTRY;
  f.sf_name = "counting";
  f.sf_attach = [](void** cookie, khelp_socket*) {
    *cookie = new int(1);
    ++attached_now;
    return 0;
  };
  f.sf_detach = [](void* cookie, khelp_socket*) {
    delete static_cast<int*>(cookie);
    --attached_now;
  };
  f.sf_unregistered = [](std::uint32_t) { ++unregistered_calls; };
  f.sf_data_in = [](void* cookie, khelp_socket*, const sockaddr*, khelp_mbuf**, khelp_mbuf**,
                    std::uint32_t) {
    asked_here += static_cast<unsigned>(*static_cast<int*>(cookie));
    return 0;
  };
  return f;
}

TEST_F(sflt, filters_and_sockets_come_and_go_while_others_are_asked) {
  constexpr int rounds = 300;
  attached_now = 0;
  unregistered_calls = 0;
  std::atomic<bool> done{false};
  std::latch ready(5);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      ready.arrive_and_wait();
      while (!done)
        ask(so_);
    });
  }
  threads.emplace_back([&] {
    ready.arrive_and_wait();
    while (!done) {
      khelp_socket mine;
      mine.filters = open(mine);
      ask(mine);
      EXPECT_EQ(khelp_sflt_socket_close(mine.filters), 0);
    }
  });
  std::vector<std::thread> changers;
  for (std::uint32_t handle : {1u, 2u}) {
    changers.emplace_back([&, handle] {
      ready.arrive_and_wait();
      for (int i = 0; i < rounds; ++i) {
        EXPECT_EQ(add(counting(handle)), 0);
        EXPECT_EQ(khelp_sflt_unregister(handle), 0);
        EXPECT_EQ(khelp_sflt_wait(handle), 0);
      }
    });
  }
  for (std::thread& changer : changers)
    changer.join();
  done = true;
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(attached_now, 0);
  EXPECT_EQ(unregistered_calls, 2 * rounds);
}

}  // namespace
