/// Data on threads: what POSIX has.
#include <pthread.h>

#include "row.hpp"
#include "support.hpp"

namespace {

pthread_key_t new_key() {
  pthread_key_t key;
  must(pthread_key_create(&key, nullptr), "pthread_key_create");
  pthread_setspecific(key, &all_rows());
  return key;
}

void get_specific(long n) {
  static const pthread_key_t key = new_key();
  for (long i = 0; i < n; ++i)
    keep(pthread_getspecific(key));
}

const adds_rows pthread{{{"another helper's data by id", "pthread_getspecific", role::peer,
                          "of a thread, not an object", nullptr, get_specific}}};

}  // namespace
