/// prng(9): cheap random numbers, of a sequence for each thread. Not for secrets.
#ifndef KHELP_FREEBSD_SYS_PRNG_H
#define KHELP_FREEBSD_SYS_PRNG_H

#include <stdint.h>
#include <sys/random.h>

static inline uint64_t prng64(void) {
  static __thread uint64_t state; /* splitmix64's; 0: not seeded */
  uint64_t mixed;
  if (state == 0 && getrandom(&state, sizeof state, GRND_NONBLOCK) != sizeof state)
    state = (uint64_t)(uintptr_t)&state;
  mixed = (state += 0x9e3779b97f4a7c15u);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}
static inline uint32_t prng32(void) {
  return (uint32_t)(prng64() >> 32);
}

/// From 0 to bound - 1, each as likely as the others. bound: not 0.
static inline uint64_t prng64_bounded(uint64_t bound) {
  const uint64_t least = -bound % bound; /* below it the last multiple is not whole */
  uint64_t number;
  do {
    number = prng64();
  } while (number < least);
  return number % bound;
}
static inline uint32_t prng32_bounded(uint32_t bound) {
  return (uint32_t)prng64_bounded(bound);
}

#endif
