#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <khelp/error.h>
#include <khelp/proc.h>

namespace {

// A child that does nothing until it is killed.
class waiting_child {
 public:
  waiting_child() : pid(fork()) {
    if (pid != 0)
      return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (true)
      pause();
  }
  ~waiting_child() { end(); }
  void kill_only() const { kill(pid, SIGKILL); }
  void end() {
    if (ended_)
      return;
    ended_ = true;
    kill_only();
    waitpid(pid, nullptr, 0);
  }
  const pid_t pid;

 private:
  bool ended_ = false;
};

int status_of_child(int (*body)()) {
  const pid_t child = fork();
  if (child == 0)
    _exit(body());
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST(proc, this_process_is_one_object_with_its_number_and_name) {
  khelp_proc* me = khelp_proc_self();
  ASSERT_NE(me, nullptr);
  EXPECT_EQ(khelp_proc_find(getpid()), me);
  EXPECT_EQ(khelp_proc_pid(me), getpid());
  EXPECT_EQ(khelp_proc_ppid(me), getppid());
  EXPECT_EQ(khelp_proc_exiting(me), 0);
  EXPECT_EQ(khelp_proc_is64bit(me), sizeof(void*) == 8 ? 1 : 0);
  char name[16] = {};
  prctl(PR_GET_NAME, name);
  char ours[64];
  khelp_proc_name(me, ours, sizeof ours);
  EXPECT_STREQ(ours, name);
  khelp_proc_name(me, ours, 3);
  EXPECT_EQ(ours, std::string(name).substr(0, 2));
  EXPECT_EQ(khelp_proc_rele(me), 0);
  EXPECT_EQ(khelp_proc_rele(me), 0);
}

TEST(proc, no_process_is_not_exiting_and_has_nothing_to_give_back) {
  EXPECT_EQ(khelp_proc_exiting(nullptr), 0);
  EXPECT_EQ(khelp_proc_rele(nullptr), 0);
}

TEST(proc, no_process_has_no_privilege_no_number_and_no_name) {
  EXPECT_EQ(khelp_proc_suser(nullptr), EPERM);
  EXPECT_STREQ(khelp_failure_text(), "process: there is none");
  EXPECT_EQ(khelp_proc_used_privilege(nullptr), 0);
  EXPECT_EQ(khelp_proc_is64bit(nullptr), khelp_proc_is64bit(khelp_proc_self()));
  EXPECT_EQ(khelp_proc_pid(nullptr), -1);
  EXPECT_EQ(khelp_proc_ppid(nullptr), -1);
  char name[8] = "x";
  khelp_proc_name(nullptr, name, sizeof name);
  EXPECT_STREQ(name, "");
}

TEST(proc, another_process_is_found_by_its_number_once_however_often_asked_for) {
  waiting_child child;
  khelp_proc* found = khelp_proc_find(child.pid);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(khelp_proc_find(child.pid), found);
  EXPECT_EQ(khelp_proc_rele(found), 0);
  EXPECT_EQ(khelp_proc_pid(found), child.pid);
  EXPECT_EQ(khelp_proc_ppid(found), getpid());
  EXPECT_EQ(khelp_proc_is64bit(found), sizeof(void*) == 8 ? 1 : 0);
  EXPECT_EQ(khelp_proc_exiting(found), 0);
  EXPECT_EQ(khelp_proc_rele(found), 0);
}

TEST(proc, a_process_that_has_ended_is_exiting_whoever_has_its_number_now) {
  waiting_child child;
  khelp_proc* found = khelp_proc_find(child.pid);
  ASSERT_NE(found, nullptr);
  child.kill_only();
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOWAIT);
  EXPECT_EQ(khelp_proc_exiting(found), 1) << "a zombie";
  child.end();
  EXPECT_EQ(khelp_proc_exiting(found), 1) << "gone";
  EXPECT_EQ(khelp_proc_ppid(found), 0);
  char name[8] = "x";
  khelp_proc_name(found, name, sizeof name);
  EXPECT_STREQ(name, "");
  EXPECT_EQ(khelp_proc_suser(found), EPERM);
  EXPECT_EQ(khelp_proc_rele(found), 0);
  EXPECT_EQ(khelp_proc_find(child.pid), nullptr);
  EXPECT_EQ(khelp_failure_text(),
            "process: there is none with the number " + std::to_string(child.pid));
}

TEST(proc, D_2_suser_is_0_for_the_super_user_and_marks_the_process) {
  EXPECT_EQ(
      status_of_child([] {
        khelp_proc* me = khelp_proc_self();
        if (khelp_proc_used_privilege(me) != 0)
          return 1;
        const bool root = geteuid() == 0;
        if (root && (khelp_proc_suser(me) != 0 || khelp_proc_used_privilege(me) != 1))
          return 2;
        if (root && (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0))
          return 3;
        return khelp_proc_suser(me) == EPERM ? 0 : 4;
      }),
      0);
}

TEST(proc, the_child_of_a_fork_is_a_process_of_its_own) {
  khelp_proc* me = khelp_proc_self();
  EXPECT_EQ(khelp_proc_pid(me), getpid());
  EXPECT_EQ(status_of_child([] { return khelp_proc_pid(khelp_proc_self()) == getpid() ? 0 : 1; }),
            0);
}

TEST(proc, a_process_whose_exit_handlers_run_is_exiting_and_has_no_self) {
  static khelp_proc* held = nullptr;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto leave = [] {
    std::atexit(
        [] { _exit(khelp_proc_exiting(held) == 1 && khelp_proc_self() == nullptr ? 7 : 1); });
    held = khelp_proc_self();
    std::exit(khelp_proc_exiting(held));
  };
  EXPECT_EXIT(leave(), testing::ExitedWithCode(7), "");
}
