// Darwin's types are numbers.
#include <array>
#include <cstdio>

#include <khelp/malloc.h>

namespace {

constexpr int numbers = 128;

struct published {
  int number;
  const char* name;
  const char* words;
};
constexpr published names[] = {
    {2, "devbuf", "device drivers' memory"}, {4, "pcb", "protocol control blocks"},
    {5, "routetbl", "routing tables"},       {9, "ifaddr", "interface addresses"},
    {11, "soname", "socket names"},          {40, "lockf", "byte-range locks"},
    {80, "temp", "temporary buffers"},       {84, "udfnode", "UDF nodes"},
    {85, "udfmount", "UDF mounts"},          {100, "kauth", "authorization"},
};

// All of them, and one for the numbers outside.
struct table {
  std::array<char[12], numbers> made_up{};
  std::array<khelp_malloc_type, numbers + 1> types{};

  table() noexcept {
    for (std::size_t n = 0; n < numbers; ++n) {
      std::snprintf(made_up[n], sizeof made_up[n], "type %d", static_cast<int>(n) % numbers);
      types[n].khm_name = made_up[n];
    }
    for (const published& p : names) {
      types[static_cast<std::size_t>(p.number)].khm_name = p.name;
      types[static_cast<std::size_t>(p.number)].khm_words = p.words;
    }
    types[numbers].khm_name = "unknown";
    types[numbers].khm_words = "numbers that are no type";
  }
};

}  // namespace

struct khelp_malloc_type* khelp_malloc_numbered(int number) noexcept {
  static table all;
  const bool known = number >= 0 && number < numbers;
  return &all.types[static_cast<std::size_t>(known ? number : numbers)];
}
