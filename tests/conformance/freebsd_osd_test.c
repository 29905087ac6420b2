/// osd(9) through the personality.
#include <string.h>
#include <sys/osd.h>
#include <sys/param.h>

#include "freebsd_check.h"

static int destroyed;

static void count_destruction(void* value) {
  destroyed += *(int*)value;
}

static int is_zero(const struct osd* object) {
  static const struct osd zero;
  return memcmp(object, &zero, sizeof zero) == 0;
}

static void slots_count_from_one_and_the_lowest_free_one_is_reused(void) {
  int first = osd_register(OSD_THREAD, NULL, NULL);
  int second = osd_register(OSD_THREAD, NULL, NULL);
  CHECK(first == 1 && second == 2);
  osd_deregister(OSD_THREAD, 1);
  CHECK(osd_register(OSD_THREAD, NULL, NULL) == 1);
  osd_deregister(OSD_THREAD, 1);
  osd_deregister(OSD_THREAD, 2);
}

static void values_are_set_read_and_destroyed(void) {
  int one = 1, ten = 10;
  struct osd object;
  unsigned a = (unsigned)osd_register(OSD_THREAD, count_destruction, NULL);
  unsigned b = (unsigned)osd_register(OSD_THREAD, count_destruction, NULL);
  osd_init_object(&object);
  destroyed = 0;
  CHECK(osd_get(OSD_THREAD, &object, a) == NULL);
  CHECK(osd_set(OSD_THREAD, &object, b, NULL) == 0 && is_zero(&object));
  CHECK(osd_set(OSD_THREAD, &object, b, &ten) == 0);
  CHECK(osd_set(OSD_THREAD, &object, a, &one) == 0);
  CHECK(osd_get(OSD_THREAD, &object, a) == &one && osd_get(OSD_THREAD, &object, b) == &ten);
  osd_del(OSD_THREAD, &object, a);
  CHECK(destroyed == 1 && osd_get(OSD_THREAD, &object, a) == NULL);
  osd_exit(OSD_THREAD, &object);
  CHECK(destroyed == 11 && is_zero(&object));

  CHECK(osd_set(OSD_THREAD, &object, a, &one) == 0);
  osd_deregister(OSD_THREAD, a); /* destroys what objects hold */
  CHECK(destroyed == 12 && is_zero(&object));
  osd_deregister(OSD_THREAD, b);
}

static void a_reservation_is_consumed_or_given_back(void) {
  enum { slots = 64 }; /* a reservation may be roomier than asked, but not that much */
  int i, value = 1;
  struct osd object = OSD_INITIALIZER;
  void** room;
  for (i = 1; i <= slots; i++)
    CHECK(osd_register(OSD_THREAD, NULL, NULL) == i);
  room = osd_reserve(slots);
  CHECK(room != NULL);
  CHECK(osd_set_reserved(OSD_THREAD, &object, slots, room, &value) == 0);
  CHECK(osd_get(OSD_THREAD, &object, slots) == &value);
  osd_exit(OSD_THREAD, &object);

  room = osd_reserve(1);
  CHECK(osd_set_reserved(OSD_THREAD, &object, slots, room, &value) == EINVAL); /* O-4 */
  osd_free_reserved(room);
  CHECK(is_zero(&object));
  for (i = 1; i <= slots; i++)
    osd_deregister(OSD_THREAD, (unsigned)i);
}

static int refuse_create(void* object, void* data) {
  ++*(int*)data;
  return object == NULL ? EPERM : 0;
}

static void methods_are_called_until_one_refuses(void) {
  osd_method_t methods[PR_MAXMETHOD] = {[PR_METHOD_CREATE] = refuse_create};
  int calls = 0, object = 0;
  unsigned a = (unsigned)osd_register(OSD_JAIL, NULL, methods);
  unsigned silent = (unsigned)osd_register(OSD_JAIL, NULL, NULL);
  unsigned b = (unsigned)osd_register(OSD_JAIL, NULL, methods);
  CHECK(osd_call(OSD_JAIL, PR_METHOD_CREATE, &object, &calls) == 0 && calls == 2);
  CHECK(osd_call(OSD_JAIL, PR_METHOD_CREATE, NULL, &calls) == EPERM && calls == 3);
  CHECK(osd_call(OSD_JAIL, PR_METHOD_GET, NULL, &calls) == 0 && calls == 3);
  osd_deregister(OSD_JAIL, a); /* a freed slot's methods are not called (O-8) */
  CHECK(osd_call(OSD_JAIL, PR_METHOD_CREATE, &object, &calls) == 0 && calls == 4);
  osd_deregister(OSD_JAIL, silent);
  osd_deregister(OSD_JAIL, b);
}

static void the_numbers_are_upstreams(void) {
  CHECK(OSD_THREAD == 0 && OSD_JAIL == 1 && OSD_KHELP == 2);
  CHECK(OSD_FIRST == OSD_THREAD && OSD_LAST == OSD_KHELP);
  CHECK(PR_METHOD_CREATE == 0 && PR_METHOD_GET == 1 && PR_METHOD_SET == 2);
  CHECK(PR_METHOD_CHECK == 3 && PR_METHOD_ATTACH == 4 && PR_METHOD_REMOVE == 5);
  CHECK(PR_MAXMETHOD == 6);
}

int main(void) {
  TEST(slots_count_from_one_and_the_lowest_free_one_is_reused);
  TEST(values_are_set_read_and_destroyed);
  TEST(a_reservation_is_consumed_or_given_back);
  TEST(methods_are_called_until_one_refuses);
  TEST(the_numbers_are_upstreams);
  return TESTS_END();
}
