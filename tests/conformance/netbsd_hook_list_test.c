/// The hook lists proposed for NetBSD in 2006, used as the proposal's header shows them. Compiled as
/// C and as C++.
#include <stddef.h>
#include <string.h>
#include <sys/hook.h>

#include "freebsd_check.h"

/* ---- what the hooks write down ---- */

static char said[64];

static void say(const char* word) {
  strncat(said, word, sizeof said - strlen(said) - 1);
}
static int was_said(const char* words) {
  const int same = strcmp(said, words) == 0;
  if (!same)
    fprintf(stderr, "  said: \"%s\"\n", said);
  said[0] = '\0';
  return same;
}

static char letter_a[] = "a";
static char letter_b[] = "b";
static char letter_c[] = "c";

static void say_arg(void* hook_arg) {
  say((const char*)hook_arg);
}
static void say_proc_and_arg(void* proc, void* hook_arg) {
  say((const char*)proc);
  say((const char*)hook_arg);
}
static int is_one_of(void* hook_arg, void* mask_arg) {
  return strstr((const char*)mask_arg, (const char*)hook_arg) != NULL ? 7 : 0;
}

struct abc {
  hook_list_t* list;
  hook_t *a, *b, *c;
};
static struct abc make_abc(void) {
  struct abc made;
  made.list = hook_alloc();
  made.a = hook_register(made.list, say_arg, letter_a);
  made.b = hook_register(made.list, say_arg, letter_b);
  made.c = hook_register(made.list, say_arg, letter_c);
  return made;
}

/* ---- conformance 43 ---- */

static void conformance_43_hook_run_calls_the_oldest_first(void) {
  struct abc l = make_abc();
  hook_run(l.list, HOOK_PRESERVE, NULL, NULL);
  CHECK(was_said("abc"));
  hook_free(l.list);
}

static void conformance_43_hook_run_reverse_calls_the_newest_first(void) {
  struct abc l = make_abc();
  hook_run_reverse(l.list, HOOK_PRESERVE, NULL, NULL);
  CHECK(was_said("cba"));
  hook_free(l.list);
}

static void conformance_43_a_mask_runs_what_it_answers_non_zero_for(void) {
  struct abc l = make_abc();
  char some[] = "ca";
  hook_run(l.list, HOOK_PRESERVE, is_one_of, some);
  CHECK(was_said("ac"));
  hook_run_reverse(l.list, HOOK_PRESERVE, is_one_of, some);
  CHECK(was_said("ca"));
  hook_free(l.list);
}

static void conformance_43_unregister_removes_only_what_ran(void) {
  struct abc l = make_abc();
  char some[] = "b";
  hook_run(l.list, HOOK_UNREGISTER, is_one_of, some);
  CHECK(was_said("b"));
  hook_run_reverse(l.list, HOOK_UNREGISTER, NULL, NULL);
  CHECK(was_said("ca"));
  hook_run(l.list, HOOK_PRESERVE, NULL, NULL);
  CHECK(was_said(""));
  hook_free(l.list);
}

static hook_list_t* running;
static void run_again(void* hook_arg) {
  say((const char*)hook_arg);
  hook_run(running, HOOK_PRESERVE, NULL, NULL);
}
static void conformance_43_unregister_removes_a_hook_before_it_runs(void) {
  running = hook_alloc();
  hook_register(running, run_again, letter_a);
  hook_run(running, HOOK_UNREGISTER, NULL, NULL);
  CHECK(was_said("a"));
  hook_free(running);
}

/* ---- the rest of the table in docs/netbsd.md ---- */

static void hook_proc_run_passes_both_arguments(void) { /* N-1 */
  hook_list_t* list = hook_alloc();
  char proc[] = "p";
  hook_callback_proc_t function = say_proc_and_arg; /* N-2: the type is there */
  hook_register(list, function, letter_a);
  hook_register(list, say_proc_and_arg, letter_b);
  hook_proc_run(list, HOOK_PRESERVE, proc, NULL, NULL);
  CHECK(was_said("papb"));
  hook_proc_run(list, HOOK_UNREGISTER, proc, is_one_of, letter_b);
  CHECK(was_said("pb"));
  hook_proc_run(list, HOOK_PRESERVE, proc, NULL, NULL);
  CHECK(was_said("pa"));
  hook_free(list);
}

static void hook_proc_run_passes_proc_to_a_function_of_one(void) { /* N-1, the header's reading */
  hook_list_t* list = hook_alloc();
  char proc[] = "p";
  hook_register(list, say_arg, letter_a);
  hook_proc_run(list, HOOK_PRESERVE, proc, NULL, NULL);
  CHECK(was_said("p"));
  hook_free(list);
}

static void functions_travel_as_plain_pointers_too(void) { /* N-3 */
  hook_list_t* list = hook_alloc();
  hook_list_t* proc_list = hook_alloc();
  char proc[] = "p";
  void* one = (void*)say_arg;
  void* two = (void*)say_proc_and_arg;
  hook_register(list, one, letter_a);
  hook_register(proc_list, two, letter_b);
  hook_run(list, HOOK_PRESERVE, NULL, NULL);
  hook_proc_run(proc_list, HOOK_PRESERVE, proc, NULL, NULL);
  CHECK(was_said("apb"));
  hook_free(list);
  hook_free(proc_list);
}

#ifndef __cplusplus
struct lwp;
static void say_lwp_and_arg(struct lwp* l, void* hook_arg) {
  say((const char*)l);
  say((const char*)hook_arg);
}
static void a_function_of_a_type_of_the_programs_own_is_taken_as_a_plain_pointer(void) { /* N-3 */
  hook_list_t* list = hook_alloc();
  char proc[] = "l";
  hook_register(list, say_lwp_and_arg, letter_a);
  hook_proc_run(list, HOOK_PRESERVE, proc, NULL, NULL);
  CHECK(was_said("la"));
  hook_free(list);
}
#endif

static void the_types_are_pointers_to_functions(void) {
  hook_list_t* list = hook_alloc();
  char some[] = "a";
  hook_callback_t callback = say_arg;
  hook_mask_func_t mask = is_one_of;
  hook_register(list, callback, letter_a);
  hook_register(list, callback, letter_b);
  hook_run(list, HOOK_PRESERVE, mask, some);
  CHECK(was_said("a"));
  hook_free(list);
}

/* As a table of functions that a driver is given. */
struct hook_ops {
  hook_list_t* (*alloc)(void);
  void (*free)(hook_list_t*);
  hook_t* (*add)(hook_list_t*, void*, void*);
  void (*remove)(hook_list_t*, hook_t*);
  void (*run)(hook_list_t*, int, hook_mask_func_t, void*);
  void (*proc_run)(hook_list_t*, int, void*, hook_mask_func_t, void*);
  void (*run_reverse)(hook_list_t*, int, hook_mask_func_t, void*);
};
static void the_seven_functions_have_addresses(void) {
  struct hook_ops ops;
  hook_list_t* list;
  hook_t* b;
  char proc[] = "p";
  ops.alloc = hook_alloc;
  ops.free = &hook_free;
  ops.add = hook_register;
  ops.remove = hook_unregister;
  ops.run = hook_run;
  ops.proc_run = hook_proc_run;
  ops.run_reverse = hook_run_reverse;
  list = ops.alloc();
  ops.add(list, (void*)say_arg, letter_a);
  b = ops.add(list, (void*)say_arg, letter_b);
  ops.run(list, HOOK_PRESERVE, NULL, NULL);
  ops.run_reverse(list, HOOK_PRESERVE, NULL, NULL);
  CHECK(was_said("abba"));
  ops.remove(list, b);
  ops.proc_run(list, HOOK_PRESERVE, proc, NULL, NULL);
  CHECK(was_said("p"));
  ops.free(list);
}

/* Nobody includes sys/queue.h here: it comes with sys/hook.h, as in the proposal. */
struct counted {
  TAILQ_ENTRY(counted) entry;
};
static void queues_come_with_the_header(void) {
  TAILQ_HEAD(, counted) all = TAILQ_HEAD_INITIALIZER(all);
  struct counted one;
  TAILQ_INSERT_TAIL(&all, &one, entry);
  CHECK(TAILQ_FIRST(&all) == &one);
}

static void the_same_function_may_be_registered_twice(void) {
  hook_list_t* list = hook_alloc();
  hook_t* first = hook_register(list, say_arg, letter_a);
  CHECK(hook_register(list, say_arg, letter_a) != first);
  hook_run(list, HOOK_PRESERVE, NULL, NULL);
  CHECK(was_said("aa"));
  hook_unregister(list, first);
  hook_run(list, HOOK_PRESERVE, NULL, NULL);
  CHECK(was_said("a"));
  hook_free(list);
}

static void hook_unregister_ignores_what_is_not_on_the_list(void) {
  struct abc l = make_abc();
  hook_unregister(l.list, l.b);
  hook_unregister(l.list, l.b);
  hook_unregister(l.list, NULL);
  hook_run(l.list, HOOK_PRESERVE, NULL, NULL);
  CHECK(was_said("ac"));
  hook_free(l.list);
}

static struct abc changing;
static void remove_b_and_add_a(void* hook_arg) {
  say((const char*)hook_arg);
  hook_unregister(changing.list, changing.b);
  hook_register(changing.list, say_arg, letter_a);
}
static void a_run_does_not_see_what_is_added_nor_call_what_is_removed(void) { /* N-4 */
  changing.list = hook_alloc();
  changing.a = hook_register(changing.list, remove_b_and_add_a, letter_c);
  changing.b = hook_register(changing.list, say_arg, letter_b);
  hook_run(changing.list, HOOK_UNREGISTER, NULL, NULL);
  CHECK(was_said("c"));
  hook_run(changing.list, HOOK_PRESERVE, NULL, NULL);
  CHECK(was_said("a"));
  hook_free(changing.list);
}

static void free_the_list(void* list) {
  hook_free((hook_list_t*)list);
}
static void hook_free_may_be_called_by_a_hook_of_the_list(void) {
  hook_list_t* list = hook_alloc();
  hook_register(list, free_the_list, list);
  hook_register(list, say_arg, letter_a);
  hook_run(list, HOOK_PRESERVE, NULL, NULL);
  CHECK(was_said(""));
}

static void hook_free_of_null_does_nothing(void) {
  hook_free(NULL);
  CHECK(was_said(""));
}

int main(void) {
  TEST(conformance_43_hook_run_calls_the_oldest_first);
  TEST(conformance_43_hook_run_reverse_calls_the_newest_first);
  TEST(conformance_43_a_mask_runs_what_it_answers_non_zero_for);
  TEST(conformance_43_unregister_removes_only_what_ran);
  TEST(conformance_43_unregister_removes_a_hook_before_it_runs);
  TEST(hook_proc_run_passes_both_arguments);
  TEST(hook_proc_run_passes_proc_to_a_function_of_one);
  TEST(functions_travel_as_plain_pointers_too);
#ifndef __cplusplus
  TEST(a_function_of_a_type_of_the_programs_own_is_taken_as_a_plain_pointer);
#endif
  TEST(the_types_are_pointers_to_functions);
  TEST(the_seven_functions_have_addresses);
  TEST(queues_come_with_the_header);
  TEST(the_same_function_may_be_registered_twice);
  TEST(hook_unregister_ignores_what_is_not_on_the_list);
  TEST(a_run_does_not_see_what_is_added_nor_call_what_is_removed);
  TEST(hook_free_may_be_called_by_a_hook_of_the_list);
  TEST(hook_free_of_null_does_nothing);
  return TESTS_END();
}
