#include "base/failure_text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <pthread.h>

#include <khelp/error.h>

#include "base/kept_errno.hpp"

namespace khelp {
namespace {

// What the thread owns is freed by a thread-specific destructor: a thread_local object would pin a
// library that is itself unloaded.
struct buffer {
  std::size_t capacity;
  char text[];
};

constexpr const char* no_memory = "out of memory (no words could be kept)";

__thread buffer* mine __attribute__((tls_model("initial-exec"))) = nullptr;
__thread const char* current __attribute__((tls_model("initial-exec"))) = "";

pthread_key_t key;
bool key_made = false;
std::once_flag key_once;

void thread_ends(void* value) {
  current = "";
  mine = nullptr;
  std::free(value);
}

// Makes room for `size` characters and a NUL; nullptr: none to be had.
buffer* room(std::size_t size) noexcept {
  if (mine != nullptr && mine->capacity > size)
    return mine;
  std::call_once(key_once, [] { key_made = pthread_key_create(&key, thread_ends) == 0; });
  if (!key_made)
    return nullptr;
  const std::size_t capacity = std::max<std::size_t>(size + 1, 256);
  auto* bigger = static_cast<buffer*>(std::realloc(mine, sizeof(buffer) + capacity));
  if (bigger == nullptr)
    return nullptr;
  bigger->capacity = capacity;
  if (pthread_setspecific(key, bigger) != 0) {
    // The key still names the old block, which is gone.
    std::free(bigger);
    mine = nullptr;
    return nullptr;
  }
  mine = bigger;
  return bigger;
}

}  // namespace

void set_failure_text(std::string_view words) noexcept {
  const kept_errno as_it_was;
  if (buffer* to = room(words.size())) {
    std::memcpy(to->text, words.data(), words.size());
    to->text[words.size()] = '\0';
    current = to->text;
  } else {
    current = no_memory;
  }
}

void clear_failure_text() noexcept {
  current = "";
}

}  // namespace khelp

extern "C" const char* khelp_failure_text(void) noexcept {
  return khelp::current;
}

extern "C" const char* khelp_strerror(int error) noexcept {
  switch (error) {
    case 0:
      return "Success";
    case KHELP_EDOOFUS:
      return "Programming error";
    case KHELP_ERESTART:
      return "Restart the call";
    case KHELP_EJUSTRETURN:
      return "Done, skip the operation";
    default:
      break;
  }
  const char* words = strerrordesc_np(error);
  return words != nullptr ? words : "Unknown error";
}
