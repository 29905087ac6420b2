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

#ifdef __cplusplus
#include <type_traits>
#endif

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
  KHELP_MODINFO_EVENT = 4,
  KHELP_MODINFO_FIELDS = 5
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

/// What a field of an event type holds, as far as a compiler can tell.
enum khelp_event_field_kind {
  KHELP_KIND_OPAQUE = 0, /**< a struct, a union, an array of these or of numbers */
  KHELP_KIND_INT = 1,
  KHELP_KIND_UINT = 2,
  KHELP_KIND_FLOAT = 3,
  KHELP_KIND_BOOL = 4,
  KHELP_KIND_TEXT = 5,  /**< an array of char */
  KHELP_KIND_BYTES = 6, /**< an array of signed or unsigned char */
  KHELP_KIND_POINTER = 7
};

/// One field of an event type.
struct khelp_event_field {
  char name[40];   /**< as it is written in the declaration, at most 39 characters */
  uint32_t offset; /**< bytes from the struct's begin */
  uint32_t size;   /**< bytes */
  uint32_t kind;   /**< enum khelp_event_field_kind */
  uint32_t spare;
};

/// The fields of an event type, which follow the record: `count` of them, of `field_size` bytes each.
/// A file says them beside the layout's fingerprint, so that people are told which field differs.
struct khelp_modinfo_fields {
  struct khelp_modinfo_header header;
  char name[48];
  uint64_t fingerprint; /**< of the layout whose fields these are */
  uint32_t event_size;  /**< bytes */
  uint32_t count;
  uint32_t field_size; /**< sizeof(struct khelp_event_field): it may grow */
  uint32_t spare;
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

/* ---- fields of event types ---- */

#ifdef __cplusplus
extern "C++" {
namespace khelp {
namespace detail {
// By a field's type, as KHELP_KIND_OF() does in C.
template <class Field>
struct event_field_kind {
  using type = typename std::remove_cv<typename std::remove_reference<Field>::type>::type;
  using element = typename std::remove_cv<typename std::remove_extent<type>::type>::type;
  static constexpr bool is_text = std::is_array<type>::value && std::is_same<element, char>::value;
  static constexpr bool is_bytes =
      std::is_array<type>::value &&
      (std::is_same<element, unsigned char>::value || std::is_same<element, signed char>::value);
  template <class T, bool is_enum>
  struct number {
    using type = T;
  };
  template <class T>
  struct number<T, true> {
    using type = typename std::underlying_type<T>::type;
  };
  using numeric = typename number<type, std::is_enum<type>::value>::type;
  static constexpr khelp_event_field_kind value =
      is_text                               ? KHELP_KIND_TEXT
      : is_bytes                            ? KHELP_KIND_BYTES
      : std::is_pointer<type>::value        ? KHELP_KIND_POINTER
      : std::is_same<type, bool>::value     ? KHELP_KIND_BOOL
      : std::is_floating_point<type>::value ? KHELP_KIND_FLOAT
      : !std::is_integral<numeric>::value   ? KHELP_KIND_OPAQUE
      : std::is_signed<numeric>::value      ? KHELP_KIND_INT
                                            : KHELP_KIND_UINT;
};
}  // namespace detail
}  // namespace khelp
}
#define KHELP_KIND_OF_FIELD(type, field) \
  (::khelp::detail::event_field_kind<decltype((((type*)0)->field))>::value)
#else
/* An array is what changes its type as an operand. */
#define KHELP_KIND_OF(e)                                                                     \
  (__extension__ _Generic(                                                                   \
      &(e), char(*)[sizeof(e)]                                                               \
      : KHELP_KIND_TEXT, const char(*)[sizeof(e)]                                            \
      : KHELP_KIND_TEXT, unsigned char(*)[sizeof(e)]                                         \
      : KHELP_KIND_BYTES, signed char(*)[sizeof(e)]                                          \
      : KHELP_KIND_BYTES, default                                                            \
      : _Generic(                                                                            \
          (e), _Bool                                                                         \
          : KHELP_KIND_BOOL, char                                                            \
          : ((char)-1 < (char)1 ? KHELP_KIND_INT : KHELP_KIND_UINT), signed char             \
          : KHELP_KIND_INT, short                                                            \
          : KHELP_KIND_INT, int                                                              \
          : KHELP_KIND_INT, long                                                             \
          : KHELP_KIND_INT, long long                                                        \
          : KHELP_KIND_INT, unsigned char                                                    \
          : KHELP_KIND_UINT, unsigned short                                                  \
          : KHELP_KIND_UINT, unsigned int                                                    \
          : KHELP_KIND_UINT, unsigned long                                                   \
          : KHELP_KIND_UINT, unsigned long long                                              \
          : KHELP_KIND_UINT, float                                                           \
          : KHELP_KIND_FLOAT, double                                                         \
          : KHELP_KIND_FLOAT, long double                                                    \
          : KHELP_KIND_FLOAT, default                                                        \
          : (__builtin_classify_type(e) == 5 &&                                              \
                     __builtin_types_compatible_p(__typeof__(e), __typeof__(((void)0, (e)))) \
                 ? KHELP_KIND_POINTER                                                        \
                 : KHELP_KIND_OPAQUE))))
#define KHELP_KIND_OF_FIELD(type, field) KHELP_KIND_OF(((type*)0)->field)
#endif
/* 0; does not compile for a name that is too long, which C would cut. */
#define KHELP_FIELD_NAME_FITS(name_) \
  (uint32_t)(0 *                     \
             sizeof(char[sizeof(name_) <= sizeof(((struct khelp_event_field*)0)->name) ? 1 : -1]))
#define KHELP_EVENT_FIELD(type, field)                                                          \
  {                                                                                             \
#field, offsetof(type, field), sizeof(((type*)0)->field), KHELP_KIND_OF_FIELD(type, field), \
        KHELP_FIELD_NAME_FITS(#field)                                                           \
  }
#define KHELP_EF_1(t, a) KHELP_EVENT_FIELD(t, a)
#define KHELP_EF_2(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_1(t, __VA_ARGS__)
#define KHELP_EF_3(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_2(t, __VA_ARGS__)
#define KHELP_EF_4(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_3(t, __VA_ARGS__)
#define KHELP_EF_5(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_4(t, __VA_ARGS__)
#define KHELP_EF_6(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_5(t, __VA_ARGS__)
#define KHELP_EF_7(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_6(t, __VA_ARGS__)
#define KHELP_EF_8(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_7(t, __VA_ARGS__)
#define KHELP_EF_9(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_8(t, __VA_ARGS__)
#define KHELP_EF_10(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_9(t, __VA_ARGS__)
#define KHELP_EF_11(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_10(t, __VA_ARGS__)
#define KHELP_EF_12(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_11(t, __VA_ARGS__)
#define KHELP_EF_13(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_12(t, __VA_ARGS__)
#define KHELP_EF_14(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_13(t, __VA_ARGS__)
#define KHELP_EF_15(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_14(t, __VA_ARGS__)
#define KHELP_EF_16(t, a, ...) KHELP_EVENT_FIELD(t, a), KHELP_EF_15(t, __VA_ARGS__)

/// An initialiser for a struct of a struct khelp_modinfo_fields and an array of so many fields.
#define KHELP_EVENT_FIELDS(name, type, ...)                                   \
  {                                                                           \
    {{KHELP_MODINFO_MAGIC, KHELP_MODINFO_FIELDS, KHELP_ABI,                   \
      sizeof(struct khelp_modinfo_fields) +                                   \
          KHELP_FP_COUNT(__VA_ARGS__) * sizeof(struct khelp_event_field),     \
      0},                                                                     \
     name,                                                                    \
     KHELP_FINGERPRINT(type, __VA_ARGS__),                                    \
     sizeof(type),                                                            \
     KHELP_FP_COUNT(__VA_ARGS__),                                             \
     sizeof(struct khelp_event_field),                                        \
     0},                                                                      \
    {                                                                         \
      KHELP_CONCAT(KHELP_EF_, KHELP_FP_COUNT(__VA_ARGS__))(type, __VA_ARGS__) \
    }                                                                         \
  }

/// Emit an event type's layout and its fields into this file's records; a point header does so for each
/// of its types. Modules carry the records, and the loader compares. `tag`: an identifier, and the
/// type's name for the loader.
#define KHELP_EVENT_RECORD(tag, type, ...) \
  KHELP_EVENT_RECORD_AS(khelp_modinfo_event_##tag, #tag, type, __VA_ARGS__)
#define KHELP_EVENT_RECORD_AS(variable, name_, type, ...)                           \
  static struct khelp_modinfo_event variable KHELP_MODINFO_ATTRIBUTE = {            \
      KHELP_MODINFO_HEADER(KHELP_MODINFO_EVENT, struct khelp_modinfo_event), name_, \
      KHELP_FINGERPRINT(type, __VA_ARGS__), sizeof(type)};                          \
  static struct {                                                                   \
    struct khelp_modinfo_fields table;                                              \
    struct khelp_event_field fields[KHELP_FP_COUNT(__VA_ARGS__)];                   \
  } KHELP_CONCAT(variable, _fields) KHELP_MODINFO_ATTRIBUTE =                       \
      KHELP_EVENT_FIELDS(name_, type, __VA_ARGS__)

/// Make an event type's layout known, so that modules built against another one are refused. Points
/// declare theirs through struct khelp_hhook_head_x.
///
/// Errors   EEXIST known with another fingerprint · ENOMEM.
KHELP_API int khelp_event_declare(const char* name, uint64_t fingerprint);
/// The same, and its fields: a module that is refused is told which of them differ.
///
/// Shape    `fields`: made by KHELP_EVENT_RECORD() or KHELP_EVENT_FIELDS(); copied.
/// Errors   as khelp_event_declare() · EINVAL the record's sizes do not fit.
KHELP_API int khelp_event_declare_fields(const struct khelp_modinfo_fields* fields);
/// The fingerprint declared for a name; 0: nobody declared one.
KHELP_API uint64_t khelp_event_fingerprint(const char* name);
/// Declare the event type of a KHELP_EVENT_RECORD() of this file.
#define KHELP_EVENT_DECLARE(tag) \
  khelp_event_declare_fields(&KHELP_CONCAT(khelp_modinfo_event_##tag, _fields).table)
/// Call fn for each field that was declared for a name, in their order, until it returns non-zero.
///
/// Context  any thread; fn is called without a lock of the library.
/// Errors   what fn returned · ENOENT no fields were declared for the name · ENOMEM.
KHELP_API int khelp_event_fields(const char* name,
                                 int (*fn)(void* arg, const struct khelp_event_field* field),
                                 void* arg);

KHELP_END_DECLS

#endif
