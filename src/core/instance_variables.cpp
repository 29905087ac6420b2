// Variables per instance: each file that has some has a block in every instance.
#include <cerrno>
#include <cstring>
#include <new>

#include "core/instance.hpp"

namespace khelp {
namespace {

// The copy keeps the templates' distance from an aligned address, so that variables stay aligned.
std::size_t lead_of(const void* templates) {
  return reinterpret_cast<std::uintptr_t>(templates) % KHELP_VNET_ALIGNMENT;
}

}  // namespace

void* instance_registry::copy_of(const block& of) {
  const std::size_t lead = lead_of(of.templates);
  auto* copy = static_cast<std::byte*>(
      ::operator new(lead + of.size, std::align_val_t(KHELP_VNET_ALIGNMENT)));
  std::memset(copy, 0, lead);
  std::memcpy(copy + lead, of.templates, of.size);
  return copy;
}

result<void> instance_registry::add_variables(const void* templates, std::size_t size,
                                              std::span<khelp_vnet_variable> variables) {
  if (auto may = may_change(); !may)
    return may;
  if (templates == nullptr || size == 0)
    return failure(EINVAL, "variables per instance without templates");
  const auto first = reinterpret_cast<std::uintptr_t>(templates);
  for (const khelp_vnet_variable& variable : variables) {
    if (reinterpret_cast<std::uintptr_t>(variable.initial) - first >= size)
      return failure(EINVAL, "a variable per instance lies outside its file's templates");
  }
  const turn mine(turn_);
  lock_guard held(mutex_);
  unsigned number = 0;
  while (number < most_blocks && blocks_[number].templates != nullptr)
    ++number;
  if (number == most_blocks)
    return failure(ENOSPC, "too many files with variables per instance");
  const block added{templates, size};
  try {
    for (vnet_instance* v = &default_; v != nullptr; v = v->next)
      v->blocks[number] = copy_of(added);
  } catch (...) {
    free_block(number);
    throw;
  }
  blocks_[number] = added;
  for (khelp_vnet_variable& variable : variables) {
    variable.block = number;
    variable.offset = static_cast<std::uint32_t>(
        lead_of(templates) + (reinterpret_cast<std::uintptr_t>(variable.initial) - first));
  }
  return {};
}

result<void> instance_registry::remove_variables(std::span<khelp_vnet_variable> variables) {
  if (auto may = may_change(); !may)
    return may;
  const turn mine(turn_);
  lock_guard held(mutex_);
  const auto contains = [&](const block& b, const khelp_vnet_variable& variable) {
    return b.templates != nullptr && reinterpret_cast<std::uintptr_t>(variable.initial) -
                                             reinterpret_cast<std::uintptr_t>(b.templates) <
                                         b.size;
  };
  if (variables.empty() || variables[0].block >= most_blocks ||
      !contains(blocks_[variables[0].block], variables[0]))
    return failure(ENOENT, "these variables have no block");
  blocks_[variables[0].block] = {};
  free_block(variables[0].block);
  return {};
}

void instance_registry::free_block(unsigned number) noexcept {
  for (vnet_instance* v = &default_; v != nullptr; v = v->next) {
    ::operator delete(v->blocks[number], std::align_val_t(KHELP_VNET_ALIGNMENT));
    v->blocks[number] = nullptr;
  }
}

}  // namespace khelp
