// Calls of the dynamic linker, and what its own lock means for ours.
//
// dlopen(3) and dlclose(3) hold the dynamic linker's lock while constructors and destructors of a
// library run, ours and the program's. Those may call this library. So no thread waits for the
// dynamic linker, however short the call, while it holds a lock of ours that such a call takes; and
// a thread that runs such a constructor waits for no thread that may want the dynamic linker.
#pragma once

namespace khelp {

/// Around every call that changes what the dynamic linker has, or takes a lock that the C library does
/// not make free in the child of a fork: that of dl_iterate_phdr(3), and that of the list of what runs at
/// exit. A fork waits for the end of those of other threads. Nobody else does.
class linker_calls {
 public:
  linker_calls() noexcept;
  linker_calls(const linker_calls&) = delete;
  linker_calls& operator=(const linker_calls&) = delete;
  ~linker_calls();

  static void before_fork() noexcept;
  static void after_fork_in_parent() noexcept;
  static void after_fork_in_child() noexcept;
};

/// False in the child of a fork for which a call of another thread did not end in time: what the
/// dynamic linker has is half changed, and nothing may ask or change it any more.
bool linker_is_whole() noexcept;
inline constexpr const char* linker_is_not_whole =
    "this process was forked while another thread was inside the dynamic linker, which is half "
    "changed here: nothing can be loaded, looked up or unmapped (exec, or fork at another time)";

/// Whether the dynamic linker has called what this thread runs: a constructor or destructor under a
/// dlopen(3) or dlclose(3), which holds its lock. Not the constructors that run before main().
///
/// Cost     a walk up the stack.
bool called_by_linker() noexcept;

}  // namespace khelp
