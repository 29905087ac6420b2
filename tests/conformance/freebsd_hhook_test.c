/// hhook(9) through the personality: each function and macro once, seen from outside.
#include <sys/hhook.h>
#include <sys/param.h>

#include "freebsd_check.h"

enum { type = HHOOK_TYPE_APP + 1 };

struct journal {
  int calls;
  char order[8];
};

static int note(int hhook_type, int hhook_id, void* udata, void* ctx_data, void* hdata,
                struct osd* hosd) {
  struct journal* journal = ctx_data;
  CHECK(hhook_type == type);
  CHECK(hhook_id >= 0);
  CHECK(hdata == NULL);
  CHECK(hosd == NULL);
  journal->order[journal->calls++] = *(const char*)udata;
  return *(const char*)udata - 'a';
}

static struct hookinfo hook(int id, const char* letter) {
  struct hookinfo made = {
      .hook_type = type, .hook_id = id, .hook_udata = (void*)letter, .hook_func = &note};
  return made;
}

static void a_point_is_registered_once_and_deregistered(void) {
  struct hhook_head* head = NULL;
  CHECK(hhook_head_register(type, 1, &head, HHOOK_WAITOK) == 0);
  CHECK(head != NULL && head->hhh_nhooks == 0);
  CHECK(hhook_head_register(type, 1, NULL, HHOOK_NOWAIT) == EEXIST);
  CHECK(hhook_head_deregister(head) == 0);
  CHECK(hhook_head_deregister(NULL) == ENOENT);
}

static void a_point_whose_owner_kept_the_pointer_is_deregistered_by_name(void) {
  struct hhook_head* head = NULL;
  CHECK(hhook_head_deregister_lookup(type, 2) == ENOENT);
  CHECK(hhook_head_register(type, 2, &head, HHOOK_WAITOK) == 0);
  CHECK(hhook_head_deregister_lookup(type, 2) == 0); /* H-6 */
  CHECK(hhook_head_get(type, 2) == NULL);
}

static void a_reference_keeps_a_point_registered(void) {
  struct hhook_head* head = NULL;
  CHECK(hhook_head_register(type, 3, &head, HHOOK_WAITOK) == 0);
  CHECK(hhook_head_get(type, 3) == head);
  CHECK(hhook_head_deregister(head) == EBUSY);
  hhook_head_release(head);
  CHECK(hhook_head_deregister(head) == 0);
}

static void a_point_outside_instances_is_not_virtualised(void) {
  struct hhook_head* head = NULL;
  CHECK(hhook_head_register(type, 4, &head, HHOOK_WAITOK) == 0);
  CHECK(hhook_head_is_virtualised(head) == 0);
  CHECK(hhook_head_is_virtualised_lookup(type, 4) == 0);
  CHECK(hhook_head_is_virtualised(NULL) == 0);
  CHECK(hhook_head_is_virtualised_lookup(type, 99) == 0);
  CHECK(hhook_head_deregister(head) == 0);
}

static void hooks_run_in_the_order_they_were_added(void) {
  struct hhook_head* head = NULL;
  struct hookinfo a = hook(5, "a"), b = hook(5, "b"), nothing = hook(5, "n");
  struct journal journal = {0};
  CHECK(hhook_head_register(type, 5, &head, HHOOK_WAITOK) == 0);
  CHECK(hhook_add_hook(head, &a, HHOOK_WAITOK) == 0);
  CHECK(hhook_add_hook(head, &b, HHOOK_WAITOK) == 0);
  CHECK(hhook_add_hook(head, &a, HHOOK_WAITOK) == EEXIST);
  nothing.hook_func = NULL;
  CHECK(hhook_add_hook(head, &nothing, HHOOK_WAITOK) == EINVAL); /* K-39 */
  CHECK(hhook_add_hook(NULL, &a, HHOOK_WAITOK) == ENOENT);
  CHECK(head->hhh_nhooks == 2);

  hhook_run_hooks(head, &journal, NULL);
  CHECK(journal.calls == 2 && journal.order[0] == 'a' && journal.order[1] == 'b');

  CHECK(hhook_remove_hook(head, &a) == 0);
  CHECK(hhook_remove_hook(head, &a) == 0); /* absence is not reported (H-4) */
  CHECK(hhook_remove_hook(NULL, &a) == ENOENT);
  hhook_run_hooks(head, &journal, NULL);
  CHECK(journal.calls == 3 && journal.order[2] == 'b');
  CHECK(hhook_head_deregister(head) == 0);
}

static void a_hook_added_before_its_point_waits_for_it(void) {
  struct hhook_head* head = NULL;
  struct hookinfo a = hook(6, "a");
  struct journal journal = {0};
  CHECK(hhook_add_hook_lookup(&a, HHOOK_WAITOK | HHOOK_STRICT) == ENOENT);
  CHECK(hhook_add_hook_lookup(&a, HHOOK_WAITOK) == 0); /* H-2 */
  CHECK(hhook_head_register(type, 6, &head, HHOOK_WAITOK) == 0);
  HHOOKS_RUN_IF(head, &journal, NULL);
  CHECK(journal.calls == 1);
  CHECK(hhook_remove_hook_lookup(&a) == 0);
  HHOOKS_RUN_IF(head, &journal, NULL);
  CHECK(journal.calls == 1);
  CHECK(hhook_head_deregister(head) == 0);
}

static int evaluations;

static struct hhook_head* once(struct hhook_head* head) {
  evaluations++;
  return head;
}

static void the_run_macros_evaluate_once_and_are_single_statements(void) {
  struct hhook_head* head = NULL;
  struct hookinfo a = hook(7, "a");
  struct journal journal = {0};
  CHECK(hhook_head_register(type, 7, &head, HHOOK_WAITOK) == 0);
  CHECK(!HHOOKS_ENABLED(head));
  CHECK(hhook_add_hook(head, &a, HHOOK_WAITOK) == 0);
  CHECK(HHOOKS_ENABLED(head));

  if (head == NULL)
    HHOOKS_RUN_IF(NULL, &journal, NULL);
  else
    HHOOKS_RUN_IF(once(head), &journal, NULL);
  CHECK(evaluations == 1 && journal.calls == 1);
  HHOOKS_RUN_IF(NULL, &journal, NULL);
  CHECK(journal.calls == 1);

  HHOOKS_RUN_LOOKUP_IF(type, 7, &journal, NULL);
  HHOOKS_RUN_IF_LOOKUP(type, 7, &journal, NULL);
  HHOOKS_RUN_LOOKUP_IF(type, 98, &journal, NULL);
  CHECK(journal.calls == 3);
  CHECK(hhook_head_deregister(head) == 0);
}

static void a_point_combines_results_as_it_was_registered(void) {
  struct hhook_head* first = NULL;
  struct hhook_head* strictest = NULL;
  struct hookinfo b = hook(8, "b"), d = hook(8, "d"), c = hook(8, "c");
  struct journal journal = {0};
  CHECK(hhook_head_register(type, 8, &first, HHOOK_WAITOK | HHOOK_RESULT_FIRST) == 0);
  CHECK(hhook_head_register(type, 9, &strictest, HHOOK_WAITOK | HHOOK_RESULT_STRICTEST) == 0);
  CHECK(hhook_add_hook(first, &b, HHOOK_WAITOK) == 0);
  CHECK(hhook_add_hook(first, &c, HHOOK_WAITOK) == 0);
  CHECK(hhook_run_hooks_result(first, &journal, NULL) == 1 && journal.calls == 1);
  CHECK(hhook_add_hook(strictest, &b, HHOOK_WAITOK) == 0);
  CHECK(hhook_add_hook(strictest, &d, HHOOK_WAITOK) == 0);
  CHECK(hhook_add_hook(strictest, &c, HHOOK_WAITOK) == 0);
  CHECK(hhook_run_hooks_result(strictest, &journal, NULL) == 3 && journal.calls == 4);
  CHECK(hhook_head_deregister(first) == 0);
  CHECK(hhook_head_deregister(strictest) == 0);
}

static int wait_inside(int hhook_type, int hhook_id, void* udata, void* ctx_data, void* hdata,
                       struct osd* hosd) {
  (void)hhook_type, (void)hhook_id, (void)udata, (void)hdata, (void)hosd;
  *(int*)ctx_data = hhook_synchronize(NULL);
  return 0;
}

static void waiting_for_hooks_from_inside_one_is_refused(void) {
  struct hhook_head* head = NULL;
  struct hookinfo hki = {.hook_func = &wait_inside};
  int answer = 0;
  CHECK(hhook_head_register(type, 10, &head, HHOOK_WAITOK) == 0);
  CHECK(hhook_add_hook(head, &hki, HHOOK_WAITOK) == 0);
  hhook_run_hooks(head, &answer, NULL);
  CHECK(answer == EDEADLK);
  CHECK(hhook_synchronize(head) == 0);
  CHECK(hhook_head_deregister(head) == 0);
}

static void the_numbers_are_upstreams(void) {
  CHECK(HHOOK_WAITOK == 1 && HHOOK_NOWAIT == 2 && HHOOK_HEADISINVNET == 0x100);
  CHECK(HHOOK_TYPE_TCP == 1 && HHOOK_TYPE_SOCKET == 2);
  CHECK(HHOOK_TYPE_IPSEC_IN == 3 && HHOOK_TYPE_IPSEC_OUT == 4);
  CHECK(HHOOK_TCP_EST_IN == 0 && HHOOK_TCP_EST_OUT == 1 && HHOOK_TCP_LAST == 1);
  CHECK(HHOOK_SOCKET_OPT == 0 && HHOOK_SOCKET_CREATE == 1 && HHOOK_SOCKET_RCV == 2);
  CHECK(HHOOK_SOCKET_SND == 3 && HHOOK_FILT_SOREAD == 4 && HHOOK_FILT_SOWRITE == 5);
  CHECK(HHOOK_SOCKET_CLOSE == 6 && HHOOK_SOCKET_LAST == 6);
  CHECK(HHOOK_IPSEC_INET == 0 && HHOOK_IPSEC_INET6 == 1 && HHOOK_IPSEC_COUNT == 2);
}

int main(void) {
  TEST(a_point_is_registered_once_and_deregistered);
  TEST(a_point_whose_owner_kept_the_pointer_is_deregistered_by_name);
  TEST(a_reference_keeps_a_point_registered);
  TEST(a_point_outside_instances_is_not_virtualised);
  TEST(hooks_run_in_the_order_they_were_added);
  TEST(a_hook_added_before_its_point_waits_for_it);
  TEST(the_run_macros_evaluate_once_and_are_single_statements);
  TEST(a_point_combines_results_as_it_was_registered);
  TEST(waiting_for_hooks_from_inside_one_is_refused);
  TEST(the_numbers_are_upstreams);
  return TESTS_END();
}
