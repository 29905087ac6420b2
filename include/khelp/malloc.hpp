/// The C++ face of malloc.h: memory with a name.
#ifndef KHELP_MALLOC_HPP
#define KHELP_MALLOC_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <khelp/malloc.h>

namespace khelp {

class typed_memory;

/// For containers: their memory is accounted to a typed_memory, which outlives them.
template <class T>
class typed_allocator {
 public:
  using value_type = T;

  explicit typed_allocator(typed_memory& memory) noexcept : memory_(&memory) {}
  template <class U>
  typed_allocator(const typed_allocator<U>& other) noexcept  // NOLINT(google-explicit-constructor)
      : memory_(&other.memory()) {}

  T* allocate(std::size_t count);
  void deallocate(T* block, std::size_t) noexcept;

  typed_memory& memory() const noexcept { return *memory_; }
  template <class U>
  bool operator==(const typed_allocator<U>& other) const noexcept {
    return memory_ == &other.memory();
  }

 private:
  typed_memory* memory_;
};

/// A type of memory, which ends with this object: static, or a member of what owns the blocks.
///
///   static khelp::typed_memory requests("requests", "parsed and not yet answered");
///   auto one = requests.make<request>(line);
class typed_memory {
 public:
  explicit constexpr typed_memory(const char* name, const char* words = "") noexcept
      : type_ KHELP_MALLOC_TYPE_INITIALIZER(name, words) {}
  typed_memory(const typed_memory&) = delete;
  typed_memory& operator=(const typed_memory&) = delete;
  ~typed_memory() { khelp_malloc_type_end(&type_); }

  /// Aligned to 16 bytes. Throws std::bad_alloc.
  void* allocate(std::size_t size) {
    void* block = khelp_malloc(size, &type_, KHELP_M_NOWAIT);
    if (block == nullptr)
      throw std::bad_alloc();
    return block;
  }
  void free(void* block) noexcept { khelp_free(block, &type_); }

  /// Whether an object that was made as a U can be ended and freed as a T: as itself, with more
  /// const, or as a base that has a virtual destructor.
  template <class U, class T>
  static constexpr bool can_be_freed_as =
      std::is_convertible_v<U*, T*> && (std::is_same_v<std::remove_cv_t<U>, std::remove_cv_t<T>> ||
                                        std::has_virtual_destructor_v<T>);

  /// Ends an object and frees its block.
  template <class T>
  class deleter {
   public:
    explicit deleter(typed_memory& memory) noexcept : memory_(&memory) {}
    template <class U, class = std::enable_if_t<can_be_freed_as<U, T>>>
    deleter(const deleter<U>& other) noexcept  // NOLINT(google-explicit-constructor)
        : memory_(&other.memory()) {}

    void operator()(T* object) const noexcept {
      void* const block = block_of(object);
      std::destroy_at(object);
      memory_->free(block);
    }
    typed_memory& memory() const noexcept { return *memory_; }

   private:
    static void* block_of(T* object) noexcept {
      auto* const plain = const_cast<std::remove_cv_t<T>*>(object);
      if constexpr (std::has_virtual_destructor_v<T>)
        return dynamic_cast<void*>(plain);  // where the whole object begins
      else
        return plain;
    }

    typed_memory* memory_;
  };
  /// Converts to what the object can be freed as, and to nothing else.
  template <class T>
  using pointer = std::unique_ptr<T, deleter<T>>;

  /// Construct a T. Throws std::bad_alloc, or what the constructor throws.
  template <class T, class... Args>
  pointer<T> make(Args&&... args) {
    static_assert(alignof(T) <= 16, "blocks are aligned to 16 bytes");
    void* block = allocate(sizeof(T));
    try {
      return pointer<T>(::new (block) T(std::forward<Args>(args)...), deleter<T>(*this));
    } catch (...) {
      free(block);
      throw;
    }
  }

  template <class T>
  typed_allocator<T> allocator() noexcept {
    return typed_allocator<T>(*this);
  }

  /// What it has out now, and had; without strings. All zero before the first block.
  khelp_malloc_stat stat() const noexcept {
    khelp_malloc_stat found{};
    khelp_malloc_type_stat(&type_, &found);
    return found;
  }

 private:
  khelp_malloc_type type_;
};

template <class T>
T* typed_allocator<T>::allocate(std::size_t count) {
  static_assert(alignof(T) <= 16, "blocks are aligned to 16 bytes");
  if (count > SIZE_MAX / sizeof(T))
    throw std::bad_array_new_length();
  return static_cast<T*>(memory_->allocate(count * sizeof(T)));
}

template <class T>
void typed_allocator<T>::deallocate(T* block, std::size_t) noexcept {
  memory_->free(block);
}

}  // namespace khelp

#endif
