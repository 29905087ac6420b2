/// An idle point behind a pointer, tested by FreeBSD's macro.
#include <sys/hhook.h>
#include <sys/param.h>

struct hhook_head* bench_freebsd_point;

void bench_freebsd_idle(long n);

__attribute__((noinline)) void bench_freebsd_idle(long n) {
  for (long i = 0; i < n; ++i) {
    __asm__ volatile("" ::: "memory");
    HHOOKS_RUN_IF(bench_freebsd_point, NULL, NULL);
  }
}
