/// module(9) and the small headers: what the macros leave in the file, and what wraps.
#include <netinet/tcp_seq.h>
#include <netinet/tcp_var.h>
#include <string.h>
#include <sys/kernel.h>
#include <sys/linker_set.h>
#include <sys/module.h>
#include <sys/module_khelp.h>
#include <sys/param.h>
#include <sys/socketvar.h>

#include "freebsd_check.h"

static int plain_event(struct module* module, int event, void* arg) {
  (void)module, (void)arg;
  return event == MOD_LOAD ? 0 : EOPNOTSUPP;
}
static moduledata_t plain_data = {"plain", plain_event, NULL};
DECLARE_MODULE(plain, plain_data, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(plain, 3);
MODULE_DEPEND(plain, ertt, 1, 2, 5);

/* Names that khelp_names.h renames, and a helper without hooks. */
static struct helper tied_data;
KHELP_DECLARE_MOD(osd, &tied_data, NULL, 4);

extern char __start_khelp_modinfo[], __stop_khelp_modinfo[];

static const struct khelp_modinfo_header* record(int kind, const char* name) {
  const char* at = __start_khelp_modinfo;
  while (at < __stop_khelp_modinfo) {
    const struct khelp_modinfo_header* header = (const void*)at;
    if (header->magic == 0) { /* padding */
      at += 8;
      continue;
    }
    CHECK(header->magic == KHELP_MODINFO_MAGIC && header->abi == KHELP_ABI);
    CHECK(header->size >= sizeof *header && header->size % 8 == 0);
    if (header->kind == kind && strcmp(at + sizeof *header, name) == 0)
      return header;
    at += header->size;
  }
  return NULL;
}

static void a_module_leaves_its_name_place_and_data(void) {
  const struct khelp_modinfo_module* m = (const void*)record(KHELP_MODINFO_MODULE, "plain");
  CHECK(m != NULL && m->personality == KHELP_PERSONALITY_FREEBSD);
  CHECK(m != NULL && m->subsystem == SI_SUB_DRIVERS && m->order == SI_ORDER_MIDDLE);
  CHECK(m != NULL && m->data == &plain_data);
}

static void versions_and_dependencies_are_records_of_their_own(void) {
  const struct khelp_modinfo_version* v = (const void*)record(KHELP_MODINFO_VERSION, "plain");
  const struct khelp_modinfo_depend* d = (const void*)record(KHELP_MODINFO_DEPEND, "plain");
  CHECK(v != NULL && v->version == 3);
  CHECK(d != NULL && strcmp(d->name, "ertt") == 0);
  CHECK(d != NULL && d->minimum == 1 && d->preferred == 2 && d->maximum == 5);
}

static void a_helper_module_is_a_module_with_khelps_event_handler(void) {
  const struct khelp_modinfo_module* m = (const void*)record(KHELP_MODINFO_MODULE, "osd");
  const moduledata_t* data = m == NULL ? NULL : m->data;
  const struct khelp_modevent_data* priv = data == NULL ? NULL : data->priv;
  CHECK(m != NULL && m->subsystem == SI_SUB_KLD && m->order == SI_ORDER_ANY);
  CHECK(data != NULL && strcmp(data->name, "osd") == 0);
  CHECK(data != NULL && data->evhand == (modeventhand_t)khelp_modevent);
  CHECK(priv != NULL && strcmp(priv->name, "osd") == 0 && priv->helper == &tied_data);
  CHECK(priv != NULL && priv->hooks == NULL && priv->nhooks == 0 && priv->uma_zsize == 0);
  CHECK(record(KHELP_MODINFO_VERSION, "osd") != NULL);
}

static void sequence_numbers_and_timestamps_compare_the_short_way_round(void) {
  tcp_seq high = 0xfffffff0u, low = 0x10u;
  CHECK(SEQ_LT(high, low) && SEQ_LEQ(high, low) && SEQ_LEQ(low, low));
  CHECK(SEQ_GT(low, high) && SEQ_GEQ(low, high) && SEQ_GEQ(low, low));
  CHECK(SEQ_MIN(high, low) == high && SEQ_MAX(high, low) == low);
  CHECK(SEQ_SUB(low, high) == 0x20);
  CHECK(TSTMP_LT(high, low) && TSTMP_GT(low, high) && TSTMP_GEQ(low, low));
}

static int one = 1, twenty = 20;
DATA_SET(numbers, one);
DATA_SET(numbers, twenty);
SET_DECLARE(numbers, int);
SET_DECLARE(nothing, int);

static void a_linker_set_holds_what_was_added_and_may_be_empty(void) {
  int** each;
  int sum = 0;
  SET_FOREACH(each, numbers) sum += **each;
  CHECK(sum == 21 && SET_COUNT(numbers) == 2 &&
        *SET_ITEM(numbers, 0) + *SET_ITEM(numbers, 1) == 21);
  SET_FOREACH(each, nothing) sum = -1;
  CHECK(sum == 21 && SET_COUNT(nothing) == 0);
}

static void the_kernels_errno_values_are_its_own(void) {
  CHECK(ERESTART == -1 && EJUSTRETURN == -2);
  CHECK(EDOOFUS == 10088);
}

static void flags_and_contexts_are_upstreams(void) {
  CHECK(TF_NOOPT == 0x8 && TF_TSO == 0x01000000 && TOF_TS == 0x10);
  CHECK(TCPS_ESTABLISHED == 4 && TCPS_HAVEESTABLISHED(TCPS_CLOSE_WAIT));
  CHECK(TCPS_HAVERCVDSYN(TCPS_SYN_RECEIVED) && !TCPS_HAVERCVDSYN(TCPS_SYN_SENT));
  CHECK(TCPS_HAVERCVDFIN(TCPS_CLOSE_WAIT) && !TCPS_HAVERCVDFIN(TCPS_FIN_WAIT_2));
  CHECK(offsetof(struct tcp_hhook_data, len) == 24 && offsetof(struct tcp_hhook_data, tso) == 28);
  CHECK(sizeof(struct socket_hhook_data) == 32);
  CHECK(TH_FIN == 1 && TH_SYN == 2 && TH_RST == 4 && TH_ACK == 16 && TH_CWR == 128);
}

int main(void) {
  TEST(a_module_leaves_its_name_place_and_data);
  TEST(versions_and_dependencies_are_records_of_their_own);
  TEST(a_helper_module_is_a_module_with_khelps_event_handler);
  TEST(sequence_numbers_and_timestamps_compare_the_short_way_round);
  TEST(a_linker_set_holds_what_was_added_and_may_be_empty);
  TEST(the_kernels_errno_values_are_its_own);
  TEST(flags_and_contexts_are_upstreams);
  return TESTS_END();
}
