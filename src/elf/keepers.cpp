// A file that calls one of these functions may leave an address of its code or of its memory with
// the process, and the process goes there when the file is gone. A function is in the table if what
// it was given is used after it has returned, and nothing takes that back when the file is unmapped.
//
// Not in the table, and why:
// - atexit in C and C++, and the end of static objects (__cxa_atexit): the linker runs them at the
//   unload.
// - What calls the file only while the function runs (qsort, bsearch, twalk, nftw, glob, scandir,
//   dl_iterate_phdr, regcomp, argp_parse) or copies what it is given (setenv, setlocale, iconv_open,
//   getaddrinfo, the name services).
// - What belongs to an object of the file's own, which nobody has when the file is gone: obstacks,
//   streams' buffers from the heap, tsearch trees, contexts.
// - The variables of the C library that lead to texts (environ, program_invocation_name, what argp
//   prints): they are looked at after the unload.
// - syscall(): C++ waits (std::atomic::wait) are made of it, so it says nothing.
// What lies in none of this library's registries and in no table cannot be known: a pointer that was
// handed to another library or to the program itself.

#include "elf/keepers.hpp"

#include <algorithm>
#include <iterator>

namespace khelp {
namespace {

constexpr std::string_view thread_local_objects =
    "until each thread that has used its thread_local objects has ended, or destroyed them";
constexpr std::string_view key = "a thread that ends later runs the destructor of its thread key";
constexpr std::string_view thread_end = "a thread that ends later makes what it promised ready";
constexpr std::string_view thread = "a thread of its own may still run";
constexpr std::string_view handler = "a signal handler of it may be installed, or be running";
constexpr std::string_view stack = "a thread may handle its signals on a stack of it";
constexpr std::string_view exit_function = "the end of the process calls a function of it";
constexpr std::string_view quick_exit = "quick_exit calls a function of it";
constexpr std::string_view fork_handler = "a fork that is under way may be in a fork handler of it";
constexpr std::string_view timer = "a timer or a request may still call a function of it";
constexpr std::string_view cpp_handler = "the C++ run-time may call a handler of it";
constexpr std::string_view cpp_object = "the C++ library may use an object of it for everybody";
constexpr std::string_view format = "printf calls it for a conversion of its own";
constexpr std::string_view stream = "a stream may be read and written by functions of it";
constexpr std::string_view buffer = "a stream or a profile may use memory of it";
constexpr std::string_view variable = "the C library may call a function of it";
constexpr std::string_view text = "the C library keeps the address of a text or a table of it";
constexpr std::string_view unwinder = "the unwinder may use a table of it";
constexpr std::string_view sanitizer = "the sanitizer calls a function of it";
constexpr std::string_view unknown = "which functions it looks up by their names is not known";

struct entry {
  std::string_view function;
  std::string_view why;
};

/// By name.
constexpr entry keepers[] = {
    {"_ZN10__cxxabiv119__terminate_handlerE", cpp_handler},
    {"_ZN10__cxxabiv120__unexpected_handlerE", cpp_handler},
    {"_ZNSt13__future_base13_State_baseV211_Make_ready6_M_setEv", thread_end},
    {"_ZNSt3__117__assoc_sub_state16__make_ready_at_thread_exitEv", thread_end},
    {"_ZNSt3__125notify_all_at_thread_exitERNS_18condition_variableENS_11unique_lockINS_5mutexEEE",
     thread_end},
    {"_ZNSt3__13pmr20set_default_resourceEPNS0_15memory_resourceE", cpp_object},
    {"_ZNSt3__16locale6globalERKS0_", cpp_object},
    {"_ZNSt3__18ios_base17register_callbackEPFvNS0_5eventERS0_iEi", cpp_object},
    {"_ZNSt3pmr20set_default_resourceEPNS_15memory_resourceE", cpp_object},
    {"_ZNSt6locale6globalERKS_", cpp_object},
    {"_ZNSt6thread15_M_start_threadESt10shared_ptrINS_10_Impl_baseEE", thread},
    {"_ZNSt6thread15_M_start_threadESt10shared_ptrINS_10_Impl_baseEEPFvvE", thread},
    {"_ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE",
     thread},
    {"_ZNSt8ios_base17register_callbackEPFvNS_5eventERS_iEi", cpp_object},
    {"_ZNSt9basic_iosIcSt11char_traitsIcEE5rdbufEPSt15basic_streambufIcS1_E", cpp_object},
    {"_ZNSt9basic_iosIwSt11char_traitsIwEE5rdbufEPSt15basic_streambufIwS1_E", cpp_object},
    {"_ZSt13set_terminatePFvvE", cpp_handler},
    {"_ZSt14set_unexpectedPFvvE", cpp_handler},
    {"_ZSt15set_new_handlerPFvvE", cpp_handler},
    {"_ZSt25notify_all_at_thread_exitRSt18condition_variableSt11unique_lockISt5mutexE", thread_end},
    {"__after_morecore_hook", variable},
    {"__asan_set_death_callback", sanitizer},
    {"__asan_set_error_report_callback", sanitizer},
    {"__cxa_at_quick_exit", quick_exit},
    {"__free_hook", variable},
    {"__malloc_hook", variable},
    {"__malloc_initialize_hook", variable},
    {"__memalign_hook", variable},
    {"__monstartup", buffer},
    {"__morecore", variable},
    {"__pthread_key_create", key},
    {"__realloc_hook", variable},
    {"__register_atfork", fork_handler},
    {"__register_frame", unwinder},
    {"__register_frame_info", unwinder},
    {"__register_frame_info_bases", unwinder},
    {"__register_frame_info_table", unwinder},
    {"__register_frame_info_table_bases", unwinder},
    {"__register_frame_table", unwinder},
    {"__sanitizer_install_malloc_and_free_hooks", sanitizer},
    {"__sanitizer_set_death_callback", sanitizer},
    {"__sigaction", handler},
    {"__sysv_signal", handler},
    {"aio_fsync", timer},
    {"aio_fsync64", timer},
    {"aio_read", timer},
    {"aio_read64", timer},
    {"aio_write", timer},
    {"aio_write64", timer},
    {"argp_program_version_hook", variable},
    {"atexit", exit_function},
    {"bsd_signal", handler},
    {"clone", thread},
    {"dlsym", unknown},
    {"dlvsym", unknown},
    {"error_print_progname", variable},
    {"fopencookie", stream},
    {"getaddrinfo_a", timer},
    {"hsearch", text},
    {"initstate", text},
    {"lio_listio", timer},
    {"lio_listio64", timer},
    {"mcheck", variable},
    {"mcheck_pedantic", variable},
    {"monstartup", buffer},
    {"mq_notify", timer},
    {"obstack_alloc_failed_handler", variable},
    {"on_exit", exit_function},
    {"openlog", text},
    {"profil", buffer},
    {"pthread_atfork", fork_handler},
    {"pthread_create", thread},
    {"pthread_key_create", key},
    {"putenv", text},
    {"register_printf_function", format},
    {"register_printf_modifier", format},
    {"register_printf_specifier", format},
    {"register_printf_type", format},
    {"registerrpc", variable},
    {"setbuf", buffer},
    {"setbuffer", buffer},
    {"setstate", text},
    {"setvbuf", buffer},
    {"sigaction", handler},
    {"sigaltstack", stack},
    {"signal", handler},
    {"sigset", handler},
    {"sigstack", stack},
    {"sigvec", handler},
    {"sprofil", buffer},
    {"ssignal", handler},
    {"svc_register", variable},
    {"sysv_signal", handler},
    {"thrd_create", thread},
    {"timer_create", timer},
    {"tss_create", key},
    {"xprt_register", variable},
};

constexpr bool by_name(const entry& a, const entry& b) {
  return a.function < b.function;
}
static_assert(std::is_sorted(std::begin(keepers), std::end(keepers), by_name));
static_assert(std::all_of(std::begin(keepers), std::end(keepers),
                          [](const entry& e) { return e.function.size() <= longest_keeper; }));

}  // namespace

keeper keeper_named(std::string_view function, bool weak) noexcept {
  if (function == "__cxa_thread_atexit" || function == "__cxa_thread_atexit_impl")
    return {keeping::destructors, thread_local_objects};
  // Compilers for older C libraries name it only to see whether there are threads at all.
  if (weak && function == "__pthread_key_create")
    return {};
  const auto* const found =
      std::lower_bound(std::begin(keepers), std::end(keepers), entry{function, {}}, by_name);
  if (found == std::end(keepers) || found->function != function)
    return {};
  const bool own_thread = found->why == thread && function != "clone";
  return {own_thread ? keeping::threads : keeping::for_ever, found->why};
}

}  // namespace khelp
