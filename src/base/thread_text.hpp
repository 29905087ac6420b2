// The calling thread as words, "thread 4711 'name'", without memory.
#pragma once

#include <algorithm>
#include <cstring>
#include <pthread.h>
#include <string_view>
#include <unistd.h>

#include "base/number_text.hpp"

namespace khelp {

class thread_text {
 public:
  thread_text() noexcept {
    char name[16] = "";
    pthread_getname_np(pthread_self(), name, sizeof name);
    const number_text number(static_cast<std::uint64_t>(gettid()));
    for (const std::string_view part :
         {std::string_view("thread "), std::string_view(number), std::string_view(" '"),
          std::string_view(name), std::string_view("'")})
      end_ = std::copy(part.begin(), part.end(), end_);
  }
  thread_text(const thread_text&) = delete;
  thread_text& operator=(const thread_text&) = delete;
  operator std::string_view() const noexcept {  // NOLINT(google-explicit-constructor)
    return {text_, static_cast<std::size_t>(end_ - text_)};
  }

 private:
  char text_[64];
  char* end_ = text_;
};

}  // namespace khelp
