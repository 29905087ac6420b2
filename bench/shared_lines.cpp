#include "shared_lines.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <thread>
#include <ucontext.h>
#include <unistd.h>

#include "support.hpp"

namespace {

constexpr std::uintptr_t line_size = 64;
constexpr std::uintptr_t page_size = 4096;
constexpr greg_t trap_flag = 0x100;

struct mapping {
  std::uintptr_t begin, end;
};

// What a thread wrote. It lies on that thread's stack, which stays writable.
struct writes {
  std::uintptr_t lines[4096];
  std::size_t count = 0;
  std::uintptr_t open_pages[4];  // of the instruction that is being done
  std::size_t open = 0;
};
thread_local writes* recorded;

// A write to a page that may not be written: note it, let that one instruction do it.
void note_write(int, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  if (recorded == nullptr || recorded->count == std::size(recorded->lines) ||
      recorded->open == std::size(recorded->open_pages))
    _exit(2);
  recorded->lines[recorded->count++] = address / line_size;
  const std::uintptr_t page = address / page_size * page_size;
  mprotect(reinterpret_cast<void*>(page), page_size, PROT_READ | PROT_WRITE);
  recorded->open_pages[recorded->open++] = page;
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] |= trap_flag;
}

// It is done.
void close_pages(int, siginfo_t*, void* context) {
  while (recorded->open > 0)
    mprotect(reinterpret_cast<void*>(recorded->open_pages[--recorded->open]), page_size, PROT_READ);
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~trap_flag;
}

void install(int signal, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  sigaction(signal, &action, nullptr);
}

// Two threads, one after the other; both live until both are done, because a thread that ends leaves
// what it had to the next one. Who waits only reads.
//
// Nothing else of the process may write meanwhile: step 3 is the main thread's, which has made both
// threads by then and only waits.
struct pair_of_threads {
  static constexpr int both_began = 2, main_waits = 3, first_is_done = 4, both_are_done = 5;

  std::atomic<int> step{0};
  // Of the stacks and thread-local variables of all threads. (A new thread has both in one mapping.)
  std::uintptr_t places[4];

  void await(int number) const {
    while (step < number)
      usleep(100);
  }
};

// What the process can write, stacks and thread-local variables apart: the kernel itself writes
// there (rseq, the frames of signals), whoever runs, and ends the process where it cannot.
std::vector<mapping> writable_elsewhere(const pair_of_threads& threads) {
  std::vector<mapping> found;
  std::FILE* maps = std::fopen("/proc/self/maps", "r");
  mapping one{};
  char mode[8];
  while (std::fscanf(maps, "%lx-%lx %7s%*[^\n]", &one.begin, &one.end, mode) == 3) {
    const bool is_a_threads =
        std::any_of(std::begin(threads.places), std::end(threads.places),
                    [&](std::uintptr_t place) { return one.begin <= place && place < one.end; });
    if (mode[0] == 'r' && mode[1] == 'w' && !is_a_threads)
      found.push_back(one);
  }
  std::fclose(maps);
  return found;
}

void protect(const std::vector<mapping>& mappings, int mode) {
  for (const mapping& one : mappings)
    mprotect(reinterpret_cast<void*>(one.begin), one.end - one.begin, mode);
}

// The lines that this thread writes, sorted.
std::vector<std::uintptr_t> lines_of(void (*loop)(long), const pair_of_threads& threads) {
  loop(100);
  writes mine;
  const std::vector<mapping> elsewhere = writable_elsewhere(threads);
  recorded = &mine;
  protect(elsewhere, PROT_READ);
  loop(1);
  protect(elsewhere, PROT_READ | PROT_WRITE);
  recorded = nullptr;
  std::vector<std::uintptr_t> lines(mine.lines, mine.lines + mine.count);
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return lines;
}

int count_in_this_process(void (*loop)(long)) {
  install(SIGSEGV, note_write);
  install(SIGTRAP, close_pages);
  pair_of_threads threads;
  threads.places[2] = reinterpret_cast<std::uintptr_t>(&recorded);
  threads.places[3] = reinterpret_cast<std::uintptr_t>(&threads);
  std::vector<std::uintptr_t> lines[2];
  const auto run = [&](int number) {
    threads.places[number] = reinterpret_cast<std::uintptr_t>(&recorded);
    ++threads.step;
    threads.await(pair_of_threads::main_waits + number);
    lines[number] = lines_of(loop, threads);
    ++threads.step;
    threads.await(pair_of_threads::both_are_done);
  };
  std::thread first(run, 0);
  std::thread second(run, 1);
  threads.await(pair_of_threads::both_began);
  ++threads.step;
  threads.await(pair_of_threads::both_are_done);
  first.join();
  second.join();
  std::vector<std::uintptr_t> both;
  std::set_intersection(lines[0].begin(), lines[0].end(), lines[1].begin(), lines[1].end(),
                        std::back_inserter(both));
  return static_cast<int>(both.size());
}

}  // namespace

// In a child of its own, where no other thread runs.
double lines_both_write(void (*loop)(long)) {
  std::fflush(nullptr);  // or the child may write it once more
  const pid_t child = fork();
  if (child == 0)
    _exit(100 + count_in_this_process(loop));
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    std::fprintf(stderr, "the child that counts was ended by the signal %s\n",
                 strsignal(WTERMSIG(status)));
  must(!WIFEXITED(status) || WEXITSTATUS(status) < 100, "what a run writes");
  return WEXITSTATUS(status) - 100;
}
