/// kldload(2), kldunload(2), kldstat(2), modstat(2): as a FreeBSD program calls them. The modules
/// are freebsd_kld_module.c in several shapes.
#include <stdlib.h>
#include <string.h>
#include <sys/linker.h>
#include <sys/mman.h>
#include <sys/module.h>
#include <sys/param.h>
#include <sys/wait.h>
#include <unistd.h>

#include <khelp/error.h>

#include "freebsd_check.h"
#include "freebsd_kld_module.h"

/* ---- what the modules heard, and what they are to answer ---- */

static char heard_here[4096];
static char* heard = heard_here;
static const char* answering; /* this module answers... */
static const char* answering_too;
static int answered; /* ...this event... */
static int answer;   /* ...with this */
static int answer_too;
static void (*inside)(void); /* called in the middle of every event */

__attribute__((visibility("default"))) int kld_test_event(const char* module, int event) {
  static const char* const names[] = {"load", "unload", "shutdown", "quiesce", "resume"};
  snprintf(heard + strlen(heard), sizeof heard_here - strlen(heard), "%s %s, ", module,
           names[event]);
  if (event > MOD_QUIESCE)
    return EOPNOTSUPP;
  if (inside != NULL)
    inside();
  if (answering != NULL && strcmp(module, answering) == 0 && event == answered)
    return answer;
  if (answering_too != NULL && strcmp(module, answering_too) == 0 && event == answered)
    return answer_too;
  return 0;
}

static void will_answer(const char* module, int event, int with) {
  answering = module;
  answered = event;
  answer = with;
}

static void will_be_asked_nothing(void) {
  answering = NULL;
  answering_too = NULL;
}

static int heard_so_far(const char* expected) {
  int same = strcmp(heard, expected) == 0;
  if (!same)
    fprintf(stderr, "heard: %s\n", heard);
  heard[0] = '\0';
  return same;
}

static int words_have(const char* part) {
  return strstr(khelp_failure_text(), part) != NULL;
}

static int load(const char* name) {
  int id = kldload(name);
  if (id < 0)
    fprintf(stderr, "%s: %s\n", name, khelp_failure_text());
  CHECK(id > KHELP_KLD_PROGRAM);
  return id;
}

static void unload(int id) {
  if (kldunload(id) != 0)
    fprintf(stderr, "%d: %s\n", id, khelp_failure_text());
  CHECK(kldfind("wheel") != id);
}

static struct khelp_kld_info info_of(int id) {
  struct khelp_kld_info info = {.size = sizeof info};
  CHECK(khelp_kld_stat(id, &info) == 0);
  return info;
}

static int refs(int id) {
  static struct kld_file_stat stat;
  stat.version = sizeof stat;
  return kldstat(id, &stat) == 0 ? stat.refs : -1;
}

static int refused(const char* name, int error) {
  errno = 0;
  return kldload(name) == -1 && errno == error;
}

static int nothing_is_loaded(void) {
  return kldnext(KHELP_KLD_PROGRAM) == 0 && modnext(0) == 0;
}

/* ---- loading ---- */

static void a_module_is_loaded_by_its_name_or_file_and_once(void) {
  int id = load("wheel");
  int again;
  CHECK(refused("wheel", EEXIST));
  CHECK(words_have("'wheel' is loaded already"));
  CHECK(refused(KLD_FOLDER "/wheel.so", EEXIST));
  unload(id);
  again = load(KLD_FOLDER "/wheel.so");
  CHECK(again > id); /* an id is never used again */
  unload(again);
  again = load("wheel.ko"); /* as FreeBSD's scripts say it */
  unload(again);
  CHECK(nothing_is_loaded());
}

static void conformance_39_what_cannot_be_loaded_is_an_errno_and_words(void) {
  CHECK(refused("nobody_has_this", ENOENT));
  CHECK(words_have(KLD_FOLDER));
  CHECK(refused("/nowhere/wheel.so", ENOENT));
  CHECK(refused("/proc/self/exe", ENOEXEC));
  CHECK(nothing_is_loaded());
}

static void conformance_39_the_preferred_version_is_taken_else_the_highest_in_range(void) {
  int wheel2 = load("wheel");
  int wheel3 = load("wheel3");
  int wheel5 = load("wheel5");
  int car = load("car"); /* 1 to 4, best 2 */
  int trailer;
  int unicycle;
  CHECK(refs(wheel2) == 2 && refs(wheel3) == 1 && refs(wheel5) == 1);
  trailer = load("trailer"); /* 2 to 4, best 9 */
  CHECK(refs(wheel2) == 2 && refs(wheel3) == 2 && refs(wheel5) == 1);
  unicycle = load("unicycle"); /* 1 to 2, best 5: preferred although it lies outside */
  CHECK(refs(wheel2) == 2 && refs(wheel3) == 2 && refs(wheel5) == 2);
  unload(unicycle);
  unload(trailer);
  unload(car);
  unload(wheel5);
  unload(wheel3);
  unload(wheel2);
  CHECK(nothing_is_loaded());
}

static void conformance_39_a_dependency_that_is_not_there_is_searched_and_started_first(void) {
  int train = load("train");
  CHECK(heard_so_far("wheel load, car load, train load, "));
  CHECK(refs(kldfind("car")) == 1 && refs(kldfind("wheel")) == 1);
  unload(train);
  CHECK(
      heard_so_far("train quiesce, train unload, car quiesce, car unload, wheel quiesce, "
                   "wheel unload, "));
  CHECK(nothing_is_loaded());
}

static void conformance_39_a_dependency_in_no_fitting_version_refuses_the_load(void) {
  int wheel;
  CHECK(refused("boat", ENOENT)); /* 7 to 9 */
  CHECK(words_have("it needs 'wheel' version 7 to 9"));
  wheel = load("wheel");
  CHECK(refused("boat", ENOENT));
  CHECK(words_have("version 2 is loaded"));
  CHECK(refused("orphan", ENOENT));
  unload(wheel);
  CHECK(nothing_is_loaded());
}

static void conformance_39_a_module_for_another_kernel_is_refused(void) {
  CHECK(refused("antique", ENOENT));
  CHECK(words_have("it needs 'kernel' version 1200000 to 1299999; version 1400097 is loaded"));
  CHECK(nothing_is_loaded());
}

static void conformance_39_a_version_of_an_interface_is_offered_by_one_file(void) {
  int wheel = load("wheel");
  CHECK(refused("imitation", EEXIST)); /* another module, the same interface and version */
  CHECK(words_have("version 2 of 'wheel' is offered already"));
  unload(wheel);
  wheel = load("imitation");
  unload(wheel);
  CHECK(nothing_is_loaded());
}

static void conformance_39_the_error_of_a_module_is_the_callers(void) {
  heard[0] = '\0';
  will_answer("wheel", MOD_LOAD, ENXIO);
  CHECK(refused("wheel", ENXIO)); /* M-3: the original answers ENOEXEC */
  CHECK(words_have("wheel: MOD_LOAD"));
  CHECK(heard_so_far("wheel load, wheel unload, ")); /* as FreeBSD has it */
  CHECK(refused("car", ENXIO));                      /* its dependency's */
  will_be_asked_nothing();
  CHECK(nothing_is_loaded());
}

static void conformance_39_of_half_a_failure_it_is_told_which_half(void) {
  int pair;
  struct khelp_kld_info info;
  heard[0] = '\0';
  will_answer("back", MOD_LOAD, ENXIO);
  pair = load("pair");
  CHECK(heard_so_far("front load, back load, back unload, "));
  info = info_of(pair);
  CHECK(strstr(info.remark, "not all of its modules have started: back") != NULL); /* M-2 */
  CHECK(modfind("front") > 0);
  CHECK(modfind("back") == -1 && errno == ENOENT);
  will_be_asked_nothing();
  unload(pair);
  CHECK(heard_so_far("front quiesce, front unload, "));
  CHECK(nothing_is_loaded());
}

static void conformance_39_a_module_that_did_not_start_offers_nothing(void) {
  int pair;
  will_answer("back", MOD_LOAD, ENXIO);
  pair = load("pair");
  will_be_asked_nothing();
  CHECK(refused("lodger", ENOENT));
  CHECK(words_have("it needs 'back' version 1; it belongs to a module of file "));
  CHECK(words_have(" that did not start"));
  unload(pair);
  pair = load("pair");
  unload(load("lodger"));
  unload(pair);
  CHECK(nothing_is_loaded());
}

static void conformance_39_a_file_whose_modules_all_fail_is_not_loaded(void) {
  will_answer("front", MOD_LOAD, ENXIO);
  answering_too = "back";
  answer_too = ENXIO;
  CHECK(refused("pair", ENXIO)); /* they agree */
  answer_too = EIO;
  CHECK(refused("pair", ENOEXEC));
  CHECK(words_have("front: MOD_LOAD") && words_have("back: MOD_LOAD"));
  will_be_asked_nothing();
  CHECK(nothing_is_loaded());
}

/* ---- unloading ---- */

static void conformance_40_references_are_who_loaded_it_and_who_needs_it(void) {
  int wheel = load("wheel");
  int car;
  int trailer;
  CHECK(refs(wheel) == 1 && info_of(wheel).user_references == 1);
  car = load("car");
  trailer = load("trailer_of_2");
  CHECK(refs(wheel) == 3 && refs(car) == 1);
  CHECK(refs(KHELP_KLD_PROGRAM) == 4); /* every file needs the kernel */
  unload(trailer);
  unload(car);
  CHECK(refs(wheel) == 1);
  unload(wheel);
  CHECK(refs(KHELP_KLD_PROGRAM) == 1);
}

static void conformance_40_a_file_that_others_need_goes_with_the_last_of_them(void) {
  int wheel = load("wheel");
  int car = load("car");
  heard[0] = '\0';
  CHECK(kldunloadf(wheel, LINKER_UNLOAD_STRICT) == -1 && errno == EBUSY); /* M-6 */
  CHECK(words_have("needed by car"));
  CHECK(refs(wheel) == 2);

  CHECK(kldunload(wheel) == 0); /* the original's result */
  CHECK(kldfind("wheel") == wheel && refs(wheel) == 1);
  CHECK(info_of(wheel).user_references == 0);
  CHECK(strcmp(info_of(wheel).remark, "held by car") == 0);
  CHECK(heard_so_far(""));

  CHECK(kldunload(wheel) == -1 && errno == EBUSY);
  CHECK(refused("wheel", EEXIST));
  unload(car);
  CHECK(heard_so_far("car quiesce, car unload, wheel quiesce, wheel unload, "));
  CHECK(nothing_is_loaded());
}

static void conformance_40_what_was_loaded_for_others_is_not_the_users_to_unload(void) {
  int car = load("car");
  int wheel = kldfind("wheel");
  CHECK(kldunload(wheel) == -1 && errno == EBUSY);
  CHECK(kldunloadf(wheel, LINKER_UNLOAD_FORCE) == -1 && errno == EBUSY);
  CHECK(refs(wheel) == 1);
  unload(car);
  CHECK(nothing_is_loaded());
}

static void conformance_40_what_nobody_needs_any_more_may_object_and_stays(void) {
  int car = load("car");
  int wheel = kldfind("wheel");
  will_answer("wheel", MOD_QUIESCE, EBUSY);
  CHECK(kldunload(car) == 0);
  CHECK(kldfind("wheel") == wheel && refs(wheel) == 1);
  CHECK(strstr(info_of(wheel).remark, "nobody needs it any more; wheel: MOD_QUIESCE") != NULL);
  will_be_asked_nothing();
  unload(wheel); /* the original never unloads it: nobody's, and so "the kernel's" */
  CHECK(nothing_is_loaded());
}

static void conformance_40_force_passes_a_quiesce_and_nothing_else(void) {
  int wheel = load("wheel");
  heard[0] = '\0';
  will_answer("wheel", MOD_QUIESCE, EBUSY);
  CHECK(kldunload(wheel) == -1 && errno == EBUSY);
  CHECK(heard_so_far("wheel quiesce, "));
  CHECK(info_of(wheel).user_references == 1);
  CHECK(kldunloadf(wheel, LINKER_UNLOAD_FORCE) == 0);
  CHECK(nothing_is_loaded());

  wheel = load("wheel");
  will_answer("wheel", MOD_UNLOAD, EIO);
  CHECK(kldunloadf(wheel, LINKER_UNLOAD_FORCE) == -1 && errno == EIO);
  CHECK(kldfind("wheel") == wheel && refs(wheel) == 1);
  will_be_asked_nothing();
  unload(wheel);
  CHECK(nothing_is_loaded());
}

static void conformance_40_who_does_not_know_the_question_does_not_object(void) {
  int wheel = load("wheel");
  will_answer("wheel", MOD_QUIESCE, EOPNOTSUPP);
  unload(wheel);
  wheel = load("wheel");
  will_answer("wheel", MOD_QUIESCE, EINVAL);
  unload(wheel);
  will_be_asked_nothing();
  CHECK(nothing_is_loaded());
}

static void conformance_40_after_a_veto_those_that_were_asked_go_on(void) {
  int pair = load("pair");
  heard[0] = '\0';
  will_answer("front", MOD_QUIESCE, EBUSY);
  CHECK(kldunload(pair) == -1 && errno == EBUSY);
  CHECK(heard_so_far("back quiesce, front quiesce, back resume, ")); /* M-5 */
  will_be_asked_nothing();
  unload(pair);
  CHECK(heard_so_far("back quiesce, front quiesce, back unload, front unload, "));
}

static void conformance_40_a_refused_unload_leaves_no_half_of_a_file(void) {
  int pair = load("pair");
  heard[0] = '\0';
  will_answer("front", MOD_UNLOAD, EBUSY);
  CHECK(kldunload(pair) == -1 && errno == EBUSY);
  CHECK(
      heard_so_far("back quiesce, front quiesce, back unload, front unload, front resume, "
                   "back load, ")); /* M-4: the original leaves it without its back */
  CHECK(modfind("front") > 0 && modfind("back") > 0);
  will_be_asked_nothing();
  unload(pair);
  CHECK(nothing_is_loaded());
}

static void what_is_no_file_of_ours_is_not_unloaded(void) {
  int wheel = load("wheel");
  CHECK(kldunload(wheel + 1) == -1 && errno == ENOENT);
  CHECK(kldunload(KHELP_KLD_PROGRAM) == -1 && errno == EBUSY);
  CHECK(kldunloadf(wheel, 2) == -1 && errno == EINVAL);
  unload(wheel);
  CHECK(kldunload(wheel) == -1 && errno == ENOENT);
}

/* ---- looking ---- */

static void files_and_modules_are_walked_by_number(void) {
  struct kld_file_stat file = {.version = sizeof file};
  struct module_stat module = {.version = sizeof module};
  int wheel = load("wheel");
  int pair = load("pair");
  CHECK(kldnext(0) == KHELP_KLD_PROGRAM);
  CHECK(kldnext(KHELP_KLD_PROGRAM) == wheel && kldnext(wheel) == pair && kldnext(pair) == 0);
  CHECK(kldnext(pair + 1) == -1 && errno == ENOENT);

  CHECK(kldfirstmod(KHELP_KLD_PROGRAM) == 0);
  CHECK(kldfirstmod(pair) == modfind("back")); /* the last one loaded comes first */
  CHECK(modfnext(modfind("back")) == modfind("front") && modfnext(modfind("front")) == 0);
  CHECK(modnext(0) == modfind("wheel") && modnext(modfind("wheel")) == modfind("front"));
  CHECK(modnext(modfind("back")) == 0);
  CHECK(modnext(9999) == -1 && errno == ENOENT);
  CHECK(modfnext(9999) == -1 && errno == ENOENT);

  CHECK(modstat(modfind("back"), &module) == 0);
  CHECK(strcmp(module.name, "back") == 0 && module.refs == 1 && module.id == modfind("back"));
  module.version = 1;
  CHECK(modstat(modfind("back"), &module) == -1 && errno == EINVAL);

  CHECK(kldstat(wheel, &file) == 0);
  CHECK(strcmp(file.name, "wheel.so") == 0 && file.id == wheel && file.refs == 1);
  CHECK(strcmp(file.pathname, KLD_FOLDER "/wheel.so") == 0);
  CHECK(file.address != NULL && file.size != 0);
  file.version = 1;
  CHECK(kldstat(wheel, &file) == -1 && errno == EINVAL);
  unload(pair);
  unload(wheel);
  CHECK(kldnext(wheel) == -1 && errno == ENOENT);
}

static void file_1_is_the_program(void) {
  struct kld_file_stat file = {.version = sizeof file};
  CHECK(kldstat(KHELP_KLD_PROGRAM, &file) == 0);
  CHECK(strcmp(file.name, "conformance.freebsd_kld_test") == 0);
  CHECK(file.address <= (char*)&file_1_is_the_program &&
        (char*)&file_1_is_the_program < file.address + file.size);
  CHECK(kldfind("kernel") == KHELP_KLD_PROGRAM);
  CHECK(kldfind("conformance.freebsd_kld_test") == KHELP_KLD_PROGRAM);
}

static void a_file_is_found_by_its_name(void) {
  int wheel = load("wheel");
  CHECK(kldfind("wheel") == wheel && kldfind("wheel.ko") == wheel);
  CHECK(kldfind("/boot/modules/wheel.ko") == wheel && kldfind("wheel.so") == wheel);
  CHECK(kldfind("whee") == -1 && errno == ENOENT);
  unload(wheel);
  CHECK(kldfind("wheel") == -1 && errno == ENOENT);
}

static const char* name_in(int file) {
  static char wanted[] = "kld_test_name";
  struct kld_sym_lookup lookup = {.version = sizeof lookup, .symname = wanted};
  if (kldsym(file, KLDSYM_LOOKUP, &lookup) != 0)
    return khelp_failure_text();
  CHECK(lookup.symsize == 16);
  return (const char*)lookup.symvalue;
}

static void a_symbol_is_looked_up_in_a_file_or_in_all(void) {
  static char own[] = "kld_test_event";
  static char none[] = "event"; /* every module has one, none exports it */
  static char librarys[] = "free";
  struct kld_sym_lookup lookup = {.version = sizeof lookup, .symname = own};
  int wheel = load("wheel");
  int pair = load("pair");
  CHECK(strcmp(name_in(wheel), "wheel") == 0 && strcmp(name_in(pair), "front") == 0);
  CHECK(strcmp(name_in(0), "wheel") == 0); /* in load order */
  CHECK(strcmp(name_in(KHELP_KLD_PROGRAM), "file 1 does not export 'kld_test_name'") == 0);
  CHECK(strcmp(name_in(9999), "no module file 9999") == 0 && errno == ENOENT);

  CHECK(kldsym(KHELP_KLD_PROGRAM, KLDSYM_LOOKUP, &lookup) == 0);
  CHECK(lookup.symvalue == (unsigned long)&kld_test_event);
  CHECK(kldsym(0, KLDSYM_LOOKUP, &lookup) == 0);
  CHECK(kldsym(wheel, KLDSYM_LOOKUP, &lookup) == -1 && errno == ENOENT); /* it only uses it */
  lookup.symname = none;
  CHECK(kldsym(0, KLDSYM_LOOKUP, &lookup) == -1 && errno == ENOENT);
  lookup.symname = librarys;
  CHECK(kldsym(wheel, KLDSYM_LOOKUP, &lookup) == -1 && errno == ENOENT);

  CHECK(kldsym(wheel, 2, &lookup) == -1 && errno == EINVAL);
  lookup.version = 1;
  CHECK(kldsym(wheel, KLDSYM_LOOKUP, &lookup) == -1 && errno == EINVAL);
  unload(pair);
  unload(wheel);
  CHECK(strcmp(name_in(0), "no file exports 'kld_test_name'") == 0);
}

/* ---- from inside an event ---- */

static void look_at_oneself_in_a_load(void) {
  static struct kld_file_stat file = {.version = sizeof file};
  int wheel = kldfind("wheel");
  CHECK(wheel > KHELP_KLD_PROGRAM && khelp_module_find("wheel") == wheel);
  CHECK(kldfirstmod(wheel) == modfind("wheel") && modfind("wheel") > 0);
  CHECK(kldnext(KHELP_KLD_PROGRAM) == wheel);
  CHECK(kldstat(wheel, &file) == 0 && file.address != NULL && file.refs == 1);
  CHECK(strcmp(name_in(wheel), "wheel") == 0);
  CHECK(refused("wheel", EEXIST));
  CHECK(kldunload(wheel) == -1 && errno == EBUSY);
  CHECK(words_have("is being loaded"));
}

static void a_file_finds_itself_while_it_is_loaded(void) {
  int wheel;
  inside = look_at_oneself_in_a_load;
  wheel = load("wheel");
  inside = NULL;
  unload(wheel);
}

static void unload_oneself_again(void) {
  int wheel = kldfind("wheel");
  CHECK(wheel > KHELP_KLD_PROGRAM);
  CHECK(kldunload(wheel) == -1 && errno == EALREADY);
}

static void a_file_that_is_being_unloaded_is_not_unloaded_again(void) {
  int wheel = load("wheel");
  inside = unload_oneself_again;
  CHECK(kldunload(wheel) == 0);
  inside = NULL;
  CHECK(nothing_is_loaded());
}

static void a_name_that_no_file_can_have_is_refused(void) {
  static char long_name[2 * MAXPATHLEN] = "/";
  CHECK(refused("", EINVAL));
  memset(long_name + 1, 'x', sizeof long_name - 2);
  CHECK(refused(long_name, ENAMETOOLONG));
}

/* ---- the end of the process ---- */

static void load_at_the_end(void) {
  if (kldload("pair") == -1 && errno == ESHUTDOWN)
    strcat(heard, "refused, ");
}

static void at_the_end_of_the_process_nothing_is_loaded_any_more(void) {
  pid_t child;
  int status = -1;
  heard = mmap(NULL, sizeof heard_here, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  child = fork();
  if (child == 0) {
    if (kldload("wheel") < 0)
      _exit(2);
    heard[0] = '\0';
    inside = load_at_the_end;
    exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(heard_so_far("wheel shutdown, refused, "));
  munmap(heard, sizeof heard_here);
  heard = heard_here;
}

static void modules_hear_of_the_end_of_the_process_the_last_one_first(void) {
  pid_t child;
  int status = -1;
  heard = mmap(NULL, sizeof heard_here, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  child = fork();
  if (child == 0) {
    if (kldload("train") < 0 || kldload("pair") < 0)
      _exit(2);
    heard[0] = '\0';
    will_answer("car", MOD_SHUTDOWN, EBUSY); /* nobody minds */
    exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(
      heard_so_far("back shutdown, front shutdown, train shutdown, car shutdown, "
                   "wheel shutdown, "));
  munmap(heard, sizeof heard_here);
  heard = heard_here;
}

int main(void) {
  setenv("KHELP_MODULE_PATH", KLD_FOLDER, 1);
  TEST(a_module_is_loaded_by_its_name_or_file_and_once);
  TEST(conformance_39_what_cannot_be_loaded_is_an_errno_and_words);
  TEST(conformance_39_the_preferred_version_is_taken_else_the_highest_in_range);
  heard[0] = '\0';
  TEST(conformance_39_a_dependency_that_is_not_there_is_searched_and_started_first);
  TEST(conformance_39_a_dependency_in_no_fitting_version_refuses_the_load);
  TEST(conformance_39_a_module_for_another_kernel_is_refused);
  TEST(conformance_39_a_version_of_an_interface_is_offered_by_one_file);
  TEST(conformance_39_the_error_of_a_module_is_the_callers);
  TEST(conformance_39_of_half_a_failure_it_is_told_which_half);
  TEST(conformance_39_a_module_that_did_not_start_offers_nothing);
  TEST(conformance_39_a_file_whose_modules_all_fail_is_not_loaded);
  TEST(conformance_40_references_are_who_loaded_it_and_who_needs_it);
  TEST(conformance_40_a_file_that_others_need_goes_with_the_last_of_them);
  TEST(conformance_40_what_was_loaded_for_others_is_not_the_users_to_unload);
  TEST(conformance_40_what_nobody_needs_any_more_may_object_and_stays);
  TEST(conformance_40_force_passes_a_quiesce_and_nothing_else);
  TEST(conformance_40_who_does_not_know_the_question_does_not_object);
  TEST(conformance_40_after_a_veto_those_that_were_asked_go_on);
  TEST(conformance_40_a_refused_unload_leaves_no_half_of_a_file);
  TEST(what_is_no_file_of_ours_is_not_unloaded);
  TEST(files_and_modules_are_walked_by_number);
  TEST(file_1_is_the_program);
  TEST(a_file_is_found_by_its_name);
  TEST(a_symbol_is_looked_up_in_a_file_or_in_all);
  TEST(a_file_finds_itself_while_it_is_loaded);
  TEST(a_file_that_is_being_unloaded_is_not_unloaded_again);
  TEST(a_name_that_no_file_can_have_is_refused);
  TEST(modules_hear_of_the_end_of_the_process_the_last_one_first);
  TEST(at_the_end_of_the_process_nothing_is_loaded_any_more);
  return TESTS_END();
}
