/// What a module file says about itself: passive records in one section.
///
/// A loader learns a module's name, version, dependencies and the layouts it was built against from
/// the file's bytes; none of its code runs for that. Records begin with characters and numbers;
/// pointers come last and are filled in by relocation.
#ifndef KHELP_MODULE_H
#define KHELP_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include <khelp/export.h>

KHELP_BEGIN_DECLS

#define KHELP_MODINFO_SECTION "khelp_modinfo"
#define KHELP_MODINFO_MAGIC 0x70686b6dU /**< "mkhp" in the file */
#define KHELP_ABI 1                     /**< changes when a module must be rebuilt */
#define KHELP_MODULE_NAME_MAX 32        /**< the NUL included */
#define KHELP_KERNEL_VERSION \
  1400097 /**< of the interface "kernel", which every program offers: FreeBSD's __FreeBSD_version \
           */

enum khelp_modinfo_kind {
  KHELP_MODINFO_MODULE = 1,
  KHELP_MODINFO_VERSION = 2,
  KHELP_MODINFO_DEPEND = 3,
  KHELP_MODINFO_EVENT = 4
};

enum khelp_modinfo_personality {
  KHELP_PERSONALITY_NATIVE = 1, /**< data: struct khelp_helper_x */
  KHELP_PERSONALITY_FREEBSD = 2 /**< data: struct khelp_moduledata */
};

/// How every record begins. Records lie at multiples of 8 in the section; zero words between them
/// are padding.
struct khelp_modinfo_header {
  uint32_t magic;
  uint16_t kind; /**< enum khelp_modinfo_kind; unknown kinds are skipped */
  uint16_t abi;  /**< KHELP_ABI */
  uint32_t size; /**< of the whole record, a multiple of 8 */
  uint32_t spare;
};

/// One module of the file.
struct khelp_modinfo_module {
  struct khelp_modinfo_header header;
  char name[KHELP_MODULE_NAME_MAX];
  uint32_t personality;
  uint32_t version; /**< native: its version; FreeBSD: 0, a VERSION record says it */
  uint32_t classes; /**< native: inline; FreeBSD: 0, read after mapping */
  uint32_t flags;
  uint64_t data_size;
  uint64_t subsystem; /**< FreeBSD: SI_SUB_..., SI_ORDER_... of DECLARE_MODULE */
  uint64_t order;
  const void* data; /**< by personality */
  const void* reserved;
};

/// Version of a module interface the file offers.
struct khelp_modinfo_version {
  struct khelp_modinfo_header header;
  char name[KHELP_MODULE_NAME_MAX];
  int32_t version;
  uint32_t spare;
};

/// A module that must be loaded first.
struct khelp_modinfo_depend {
  struct khelp_modinfo_header header;
  char module[KHELP_MODULE_NAME_MAX]; /**< who depends */
  char name[KHELP_MODULE_NAME_MAX];   /**< on whom */
  int32_t minimum;
  int32_t preferred;
  int32_t maximum;
  uint32_t spare;
};

/// The layout of an event type the module was compiled against.
struct khelp_modinfo_event {
  struct khelp_modinfo_header header;
  char name[48];
  uint64_t fingerprint;
  uint64_t event_size;
};

/// FreeBSD's moduledata_t.
struct khelp_moduledata {
  const char* name;
  int (*evhand)(void* module, int event, void* arg);
  void* priv;
};

/* The attribute keeps a record through --gc-sections of every linker, and its alignment keeps
 * records packed. */
#define KHELP_MODINFO_ATTRIBUTE \
  __attribute__((section(KHELP_MODINFO_SECTION), used, retain, aligned(8)))

#define KHELP_MODINFO_HEADER(kind_, type) \
  { KHELP_MODINFO_MAGIC, kind_, KHELP_ABI, sizeof(type), 0 }

/// Declare a native helper module from C or C++, at namespace scope: `helper` is a struct
/// khelp_helper_x with static storage.
#define KHELP_DECLARE_HELPER(name_, version_, helper_, classes_, data_size_)                  \
  KHELP_STATIC_ASSERT(sizeof(#name_) <= 16, "a helper's name has at most 15 characters");     \
  static struct khelp_modinfo_module khelp_modinfo_module_##name_ KHELP_MODINFO_ATTRIBUTE = { \
      KHELP_MODINFO_HEADER(KHELP_MODINFO_MODULE, struct khelp_modinfo_module),                \
      #name_,                                                                                 \
      KHELP_PERSONALITY_NATIVE,                                                               \
      version_,                                                                               \
      classes_,                                                                               \
      0,                                                                                      \
      data_size_,                                                                             \
      0,                                                                                      \
      0,                                                                                      \
      &(helper_),                                                                             \
      NULL}

/// Declare that the module needs another one, with a version between min and max, best pref.
#define KHELP_DECLARE_DEPEND(name_, on_, min_, pref_, max_)                                \
  static struct khelp_modinfo_depend KHELP_CONCAT(khelp_modinfo_depend_##name_##_##on_##_, \
                                                  __LINE__) KHELP_MODINFO_ATTRIBUTE = {    \
      KHELP_MODINFO_HEADER(KHELP_MODINFO_DEPEND, struct khelp_modinfo_depend),             \
      #name_,                                                                              \
      #on_,                                                                                \
      min_,                                                                                \
      pref_,                                                                               \
      max_,                                                                                \
      0}

/* ---- fingerprints of event types ---- */

/* A field contributes its offset and size; FNV-1a over 64-bit words, as a constant expression. */
#define KHELP_FP_BASIS 0xcbf29ce484222325ULL
#define KHELP_FP_STEP(hash, word) ((((uint64_t)(hash)) ^ ((uint64_t)(word))) * 0x100000001b3ULL)
#define KHELP_FP_FIELD(hash, type, field) \
  KHELP_FP_STEP(hash, ((uint64_t)offsetof(type, field) << 32) | sizeof(((type*)0)->field))

#define KHELP_FP_0(t, h) (h)
#define KHELP_FP_1(t, h, a) KHELP_FP_FIELD(h, t, a)
#define KHELP_FP_2(t, h, a, ...) KHELP_FP_1(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_3(t, h, a, ...) KHELP_FP_2(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_4(t, h, a, ...) KHELP_FP_3(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_5(t, h, a, ...) KHELP_FP_4(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_6(t, h, a, ...) KHELP_FP_5(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_7(t, h, a, ...) KHELP_FP_6(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_8(t, h, a, ...) KHELP_FP_7(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_9(t, h, a, ...) KHELP_FP_8(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_10(t, h, a, ...) KHELP_FP_9(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_11(t, h, a, ...) KHELP_FP_10(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_12(t, h, a, ...) KHELP_FP_11(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_13(t, h, a, ...) KHELP_FP_12(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_14(t, h, a, ...) KHELP_FP_13(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_15(t, h, a, ...) KHELP_FP_14(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_16(t, h, a, ...) KHELP_FP_15(t, KHELP_FP_FIELD(h, t, a), __VA_ARGS__)
#define KHELP_FP_COUNT_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, n, \
                        ...)                                                                      \
  n
#define KHELP_FP_COUNT(...) \
  KHELP_FP_COUNT_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

/// The fingerprint of a struct over up to 16 of its fields, as a constant expression.
#define KHELP_FINGERPRINT(type, ...)                   \
  KHELP_CONCAT(KHELP_FP_, KHELP_FP_COUNT(__VA_ARGS__)) \
  (type, KHELP_FP_STEP(KHELP_FP_BASIS, sizeof(type)), __VA_ARGS__)

/// Emit an event type's layout into this file's records; a point header does so for each of its
/// types. Modules carry the record, and the loader compares. `tag`: an identifier, and the type's
/// name for the loader.
#define KHELP_EVENT_RECORD(tag, type, ...) \
  KHELP_EVENT_RECORD_AS(khelp_modinfo_event_##tag, #tag, type, __VA_ARGS__)
#define KHELP_EVENT_RECORD_AS(variable, name_, type, ...)                           \
  static struct khelp_modinfo_event variable KHELP_MODINFO_ATTRIBUTE = {            \
      KHELP_MODINFO_HEADER(KHELP_MODINFO_EVENT, struct khelp_modinfo_event), name_, \
      KHELP_FINGERPRINT(type, __VA_ARGS__), sizeof(type)}

/// Make an event type's layout known, so that modules built against another one are refused. Points
/// declare theirs through struct khelp_hhook_head_x.
///
/// Errors   EEXIST known with another fingerprint · ENOMEM.
KHELP_API int khelp_event_declare(const char* name, uint64_t fingerprint);
/// The fingerprint declared for a name; 0: nobody declared one.
KHELP_API uint64_t khelp_event_fingerprint(const char* name);

KHELP_END_DECLS

#endif
