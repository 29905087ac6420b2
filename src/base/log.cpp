#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <new>

#include "base/cancellation.hpp"
#include "base/kept_errno.hpp"
#include "base/number_text.hpp"
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
// Messages that ended in an exception of the sink's, and were not told about yet.
std::atomic<std::uint64_t> lost{0};

// Callers are in the middle of anything: nothing may unwind them. False: the sink threw.
bool hand_over(const sink_record& to, int level, const char* words) noexcept {
  const no_cancellation later;
  const kept_errno as_it_was;
  bool returned = true;
  try {
    to.sink(to.arg, level, words);
  } catch (...) {
    returned = false;
  }
  return returned;
}

// By the sink itself, once it takes messages again.
void tell_lost(const sink_record& to) noexcept {
  const std::uint64_t count = lost.exchange(0);
  if (count == 0)
    return;
  char line[80];
  const number_text number(count);
  char* end = line;
  for (const std::string_view part :
       {std::string_view("messages lost because the log's sink threw: "), std::string_view(number)})
    end = std::copy(part.begin(), part.end(), end);
  *end = '\0';
  if (!hand_over(to, KHELP_LOG_WARNING, line))
    lost += count;
}

bool has_sink() noexcept {
  const sink_record* to = current;
  return to != nullptr && to->sink != nullptr;
}

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
  if (hand_over(*to, level, line.data()))
    tell_lost(*to);
  else
    ++lost;
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
  const khelp::no_cancellation later;
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  const bool to_console = !khelp::has_sink();
  if (to_console)
    vfprintf(stderr, format, arguments);
  else
    vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (to_console)
    return;
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
