/// What is measured.
#pragma once

#include <span>

struct operation {
  const char* name;
  void (*run)(long n);  ///< n times; 3 instructions of each are the loop's
  int instructions;     ///< the limit (0: shown only)
  const char* beside;   ///< the operation whose time it is compared with, or nullptr
  double ratio;         ///< at most this many times as long (0: shown only)
  void (*prepare)() = nullptr;
};

/// Registers points and loads helpers; exits with words on failure.
void set_up();
std::span<const operation> operations();

/// One hook more at the point of "1 hook", and away again.
void add_another();
void remove_another();
