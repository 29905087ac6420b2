/// khelp(9) through the personality: helpers, their events, and data on objects.
#include <sys/hhook.h>
#include <sys/khelp.h>
#include <sys/module.h>
#include <sys/module_khelp.h>
#include <sys/osd.h>
#include <sys/param.h>
#include <vm/uma.h>

#include "freebsd_check.h"

enum { type = HHOOK_TYPE_APP + 2, our_class = HELPER_CLASS_APP << 3 };

struct tally {
  uint32_t calls;
  uint32_t dirty; /* the constructor found something else than zeros */
};

static int destroyed;
static int init_answer;
static int inits;
static int fini_order; /* mod_destroy sees how many destructors ran */

static int tally_ctor(void* mem, int size, void* arg, int flags) {
  struct tally* tally = mem;
  (void)arg, (void)flags;
  CHECK(size == sizeof *tally);
  tally->dirty = tally->calls;
  return 0;
}

static void tally_dtor(void* mem, int size, void* arg) {
  (void)size, (void)arg;
  ((struct tally*)mem)->calls = 7777; /* what the next owner of this memory must not see */
  destroyed++;
}

static int tally_init(void) {
  inits++;
  return init_answer;
}

static int tally_destroy(void) {
  fini_order = destroyed;
  return 0;
}

static int tally_hook(int hhook_type, int hhook_id, void* udata, void* ctx_data, void* hdata,
                      struct osd* hosd) {
  (void)hhook_type, (void)hhook_id, (void)udata, (void)ctx_data, (void)hosd;
  if (hdata != NULL)
    ((struct tally*)hdata)->calls++;
  if (ctx_data != NULL)
    ++*(int*)ctx_data;
  return 0;
}

static struct helper tally_helper = {.mod_init = tally_init,
                                     .mod_destroy = tally_destroy,
                                     .h_flags = HELPER_NEEDS_OSD,
                                     .h_classes = our_class};
static struct hookinfo tally_hooks[] = {
    {.hook_type = type, .hook_id = 1, .hook_udata = NULL, .hook_func = &tally_hook}};

static struct khelp_modevent_data tally_events(struct helper* helper_record, int size) {
  struct khelp_modevent_data made = {.name = "tally",
                                     .helper = helper_record,
                                     .hooks = tally_hooks,
                                     .nhooks = 1,
                                     .uma_zsize = size,
                                     .umactor = tally_ctor,
                                     .umadtor = tally_dtor};
  return made;
}

static void a_helper_gets_zeroed_data_on_each_object_and_loses_it_with_the_object(void) {
  struct khelp_modevent_data events = tally_events(&tally_helper, sizeof(struct tally));
  struct hhook_head* head = NULL;
  struct osd object = OSD_INITIALIZER;
  struct tally* data;
  int round;

  init_answer = 0;
  CHECK(hhook_head_register(type, 1, &head, HHOOK_WAITOK) == 0);
  CHECK(khelp_modevent(NULL, MOD_LOAD, &events) == 0);
  CHECK(khelp_get_id("tally") > 0);
  CHECK(khelp_get_id("tally") == tally_helper.h_id);

  for (round = 0; round < 3; round++) { /* recycled memory counts from zero, too (K-40) */
    CHECK(khelp_init_osd(our_class, &object) == 0);
    data = khelp_get_osd(&object, tally_helper.h_id);
    CHECK(data != NULL && data->calls == 0 && data->dirty == 0);
    HHOOKS_RUN_IF(head, NULL, &object);
    HHOOKS_RUN_IF(head, NULL, &object);
    CHECK(data->calls == 2);
    CHECK(khelp_modevent(NULL, MOD_UNLOAD, &events) == EBUSY);
    CHECK(khelp_destroy_osd(&object) == 0);
    CHECK(destroyed == round + 1);
  }
  CHECK(khelp_class_has_osd(our_class));

  CHECK(khelp_modevent(NULL, MOD_SHUTDOWN, &events) == 0);
  CHECK(khelp_modevent(NULL, 1234, &events) == EINVAL);
  CHECK(khelp_modevent(NULL, MOD_QUIESCE, &events) == 0);
  CHECK(khelp_modevent(NULL, MOD_UNLOAD, &events) == 0);
  CHECK(fini_order == 3); /* data, then mod_destroy */
  CHECK(khelp_get_id("tally") == -1);
  CHECK(!HHOOKS_ENABLED(head));
  CHECK(hhook_head_deregister(head) == 0);
}

static void data_without_a_size_is_a_programming_error(void) {
  struct khelp_modevent_data events = tally_events(&tally_helper, 0);
  CHECK(khelp_modevent(NULL, MOD_LOAD, &events) == EDOOFUS);
  CHECK(EDOOFUS != ENOTSOCK);
  CHECK(khelp_get_id("tally") == -1);
}

static void the_error_of_mod_init_refuses_the_load(void) {
  struct khelp_modevent_data events = tally_events(&tally_helper, sizeof(struct tally));
  int before = inits;
  init_answer = ENXIO;
  CHECK(khelp_modevent(NULL, MOD_LOAD, &events) == ENXIO);
  CHECK(inits == before + 1);
  CHECK(khelp_get_id("tally") == -1);
  init_answer = 0;
}

static void a_subsystem_registers_a_helper_by_itself(void) {
  struct hookinfo hooks[] = {
      {.hook_type = type, .hook_id = 2, .hook_udata = NULL, .hook_func = &tally_hook}};
  struct helper own = {.h_name = "own", .h_hooks = hooks, .h_nhooks = 1};
  struct helper twin = {.h_name = "own"};
  struct hhook_head* head = NULL;
  int calls = 0;
  CHECK(hhook_head_register(type, 2, &head, HHOOK_WAITOK) == 0);
  CHECK(khelp_register_helper(&own) == 0);
  CHECK(khelp_register_helper(&own) == EALREADY); /* K-15 */
  CHECK(khelp_register_helper(&twin) == EEXIST);  /* K-14 */
  HHOOKS_RUN_IF(head, &calls, NULL);
  CHECK(calls == 1);
  CHECK(khelp_deregister_helper(&own) == 0);
  CHECK(khelp_deregister_helper(&own) == ENOENT);
  HHOOKS_RUN_IF(head, &calls, NULL);
  CHECK(calls == 1);
  CHECK(hhook_head_deregister(head) == 0);
}

static void a_hook_added_later_is_the_helpers_and_goes_with_it(void) {
  struct helper own = {.h_name = "own"};
  struct hookinfo late = {
      .hook_type = type, .hook_id = 3, .hook_helper = &own, .hook_func = &tally_hook};
  struct hookinfo gone = {
      .hook_type = type, .hook_id = 4, .hook_helper = &own, .hook_func = &tally_hook};
  struct hhook_head* head = NULL;
  struct hhook_head* other = NULL;
  int calls = 0;
  CHECK(khelp_register_helper(&own) == 0);
  CHECK(khelp_add_hhook(&late, HHOOK_WAITOK) == 0); /* before its point */
  CHECK(khelp_add_hhook(&gone, HHOOK_WAITOK) == 0);
  CHECK(khelp_remove_hhook(&gone) == 0);
  CHECK(hhook_head_register(type, 3, &head, HHOOK_WAITOK) == 0);
  CHECK(hhook_head_register(type, 4, &other, HHOOK_WAITOK) == 0);
  HHOOKS_RUN_IF(head, &calls, NULL);
  HHOOKS_RUN_IF(other, &calls, NULL);
  CHECK(calls == 1);
  CHECK(khelp_deregister_helper(&own) == 0); /* K-29 */
  CHECK(!HHOOKS_ENABLED(head));
  CHECK(hhook_head_deregister(head) == 0);
  CHECK(hhook_head_deregister(other) == 0);
}

static void reading_by_an_id_nobody_has_gives_nothing(void) {
  struct osd object = OSD_INITIALIZER;
  CHECK(khelp_get_id("nobody") == -1);
  CHECK(khelp_get_osd(&object, -1) == NULL);
  CHECK(khelp_get_osd(&object, 0) == NULL);
  CHECK(khelp_get_osd(&object, 4000) == NULL);
  CHECK(khelp_get_osd(NULL, 1) == NULL);
}

static void the_records_are_laid_out_as_upstreams(void) {
  CHECK(HELPER_NAME_MAXLEN == 16 && HELPER_NEEDS_OSD == 1);
  CHECK(HELPER_CLASS_TCP == 1 && HELPER_CLASS_SOCKET == 2);
  CHECK(MOD_LOAD == 0 && MOD_UNLOAD == 1 && MOD_SHUTDOWN == 2 && MOD_QUIESCE == 3);
  CHECK(sizeof(struct hookinfo) == 32 && offsetof(struct hookinfo, hook_helper) == 8);
  CHECK(offsetof(struct hookinfo, hook_id) == 24 && offsetof(struct hookinfo, hook_type) == 28);
  CHECK(sizeof(struct helper) == 88 && offsetof(struct helper, h_zone) == 32);
  CHECK(offsetof(struct helper, h_classes) == 52 && offsetof(struct helper, h_flags) == 64);
  CHECK(sizeof(struct khelp_modevent_data) == 56);
  CHECK(offsetof(struct khelp_modevent_data, uma_zsize) == 36);
  CHECK(sizeof(struct osd) == 32);
}

int main(void) {
  TEST(a_helper_gets_zeroed_data_on_each_object_and_loses_it_with_the_object);
  TEST(data_without_a_size_is_a_programming_error);
  TEST(the_error_of_mod_init_refuses_the_load);
  TEST(a_subsystem_registers_a_helper_by_itself);
  TEST(a_hook_added_later_is_the_helpers_and_goes_with_it);
  TEST(reading_by_an_id_nobody_has_gives_nothing);
  TEST(the_records_are_laid_out_as_upstreams);
  return TESTS_END();
}
