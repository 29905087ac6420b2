/// A list that is filled again and again.
#pragma once

#include <cstddef>
#include <vector>

namespace khelp::tcp {

/// Like a vector, but what is added is left as it was when it was last in the list: for elements
/// that are written anew anyway, and are too large to be cleared for nothing.
template <class Element>
class kept_list {
 public:
  using value_type = Element;
  using const_iterator = const Element*;

  void reserve(size_t elements) { elements_.resize(elements); }

  /// The new last element.
  Element& add() {
    if (size_ == elements_.size())
      elements_.emplace_back();
    return elements_[size_++];
  }
  void remove_last() { --size_; }
  void clear() { size_ = 0; }

  size_t size() const { return size_; }
  Element& back() { return elements_[size_ - 1]; }
  const Element& operator[](size_t i) const { return elements_[i]; }
  const Element* begin() const { return elements_.data(); }
  const Element* end() const { return elements_.data() + size_; }

 private:
  std::vector<Element> elements_;  // size_ of them are in the list
  size_t size_ = 0;
};

}  // namespace khelp::tcp
