// Variables per instance: each file that has some has a block in every instance.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "core/instances/instance.hpp"

namespace khelp {
namespace {

std::uintptr_t number_of(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address);
}

// The copy keeps the templates' distance from an aligned address, so that variables stay aligned.
std::size_t lead_of(const void* templates) {
  return number_of(templates) % KHELP_VNET_ALIGNMENT;
}

}  // namespace

bool instance_registry::block::holds(const khelp_vnet_variable& variable) const {
  return templates != nullptr && number_of(variable.initial) - number_of(templates) < size;
}

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
  const block added{templates, size};
  for (const khelp_vnet_variable& variable : variables) {
    if (variable.initial != nullptr && !added.holds(variable))
      return failure(EINVAL, "a variable per instance lies outside its file's templates");
  }
  const turn mine(turn_);
  lock_guard held(mutex_);
  for (const block& known : blocks_) {
    if (known.templates != nullptr && number_of(known.templates) < number_of(templates) + size &&
        number_of(templates) < number_of(known.templates) + known.size)
      return failure(EEXIST, "these variables per instance are there already");
  }
  unsigned number = 0;
  while (number < most_blocks && blocks_[number].templates != nullptr)
    ++number;
  if (number == most_blocks)
    return failure(ENOSPC, "too many files with variables per instance");
  try {
    for (vnet_instance* v = &default_; v != nullptr; v = v->next)
      v->blocks[number] = copy_of(added);
  } catch (...) {
    free_block(number);
    throw;
  }
  blocks_[number] = added;
  for (khelp_vnet_variable& variable : variables) {
    if (variable.initial == nullptr)
      continue;
    variable.block = number;
    variable.offset = static_cast<std::uint32_t>(
        lead_of(templates) + (number_of(variable.initial) - number_of(templates)));
  }
  return {};
}

result<void> instance_registry::remove_variables(std::span<khelp_vnet_variable> variables) {
  if (auto may = may_change(); !may)
    return may;
  const turn mine(turn_);
  lock_guard held(mutex_);
  const auto any = std::find_if(variables.begin(), variables.end(),
                                [](const auto& variable) { return variable.initial != nullptr; });
  if (any == variables.end() || any->block >= most_blocks || !blocks_[any->block].holds(*any))
    return failure(ENOENT, "these variables have no block");
  blocks_[any->block] = {};
  free_block(any->block);
  return {};
}

void instance_registry::free_block(unsigned number) noexcept {
  for (vnet_instance* v = &default_; v != nullptr; v = v->next) {
    ::operator delete(v->blocks[number], std::align_val_t(KHELP_VNET_ALIGNMENT));
    v->blocks[number] = nullptr;
  }
}

}  // namespace khelp
