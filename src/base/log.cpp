#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <new>

#include "base/panic.hpp"

namespace khelp {
namespace {

// Sinks are never freed: a thread that is logging may hold any of them. Each remembers the one
// before, so that none is a leak.
struct sink_record {
  khelp_log_sink sink;
  void* arg;
  const sink_record* before;
};

std::atomic<const sink_record*> current{nullptr};

}  // namespace

void log(int level, std::initializer_list<std::string_view> parts) noexcept {
  const sink_record* to = current;
  if (to == nullptr || to->sink == nullptr)
    return;
  std::array<char, 512> line;
  char* end = line.data();
  for (std::string_view part : parts) {
    const std::size_t room = static_cast<std::size_t>(line.data() + line.size() - 1 - end);
    end = std::copy_n(part.data(), std::min(part.size(), room), end);
  }
  *end = '\0';
  const int saved = errno;
  to->sink(to->arg, level, line.data());
  errno = saved;
}

}  // namespace khelp

extern "C" int khelp_log_set_sink(khelp_log_sink sink, void* arg) {
  auto* made = new (std::nothrow) khelp::sink_record{sink, arg, khelp::current};
  if (made == nullptr)
    return ENOMEM;
  while (!khelp::current.compare_exchange_weak(made->before, made)) {
  }
  return 0;
}

extern "C" void khelp_printf(const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    khelp::log(KHELP_LOG_INFO, {rest.substr(0, end)});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

extern "C" void khelp_panic(const char* format, ...) {
  char words[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(words, sizeof words, format, arguments);
  va_end(arguments);
  khelp::panic({"panic: ", words});
}
