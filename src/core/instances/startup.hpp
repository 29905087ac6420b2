// The start and end functions of one file, in the order of their places, and its variables per
// instance.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <khelp/result.hpp>
#include <khelp/sysinit.h>

#include "core/instances/instance.hpp"

namespace khelp {

class file_startup {
 public:
  // Give the file's variables their places, and sort its functions. Records lie where the sets say;
  // who hands over a stranger's file has checked where they lead.
  //
  // Errors   EINVAL a record that is none, variables outside their templates · ENOSPC, EDEADLK as
  //          khelp_vnet_variables_add().
  static result<std::unique_ptr<file_startup>> prepare(std::string name,
                                                       const khelp_file_sets& sets);
  file_startup(const file_startup&) = delete;
  file_startup& operator=(const file_startup&) = delete;

  // Call the start functions of places up to this one that were not called yet.
  result<void> run_up_to(start_place place);
  result<void> run_all();

  // Call the end functions of the places that were reached, descending, and free the variables, in
  // one turn.
  // Only where instances may change (instance_registry::may_change()).
  void end() noexcept;

 private:
  using function_list = std::vector<const khelp_sysinit*>;

  file_startup(std::string name, const khelp_file_sets& sets);
  result<void> start(const khelp_sysinit& function);
  // Those for instances that follow one another, up to a place, in one turn: an instance has the
  // constructor and the destructor of a place, or neither.
  result<void> start_for_instances(start_place limit);
  bool next_is_for_instances(start_place limit) const;
  result<void> start_in_instances(const khelp_sysinit& function);
  // What is registered for instances is taken back; another runs if its place was reached.
  void stop(const khelp_sysinit& function) noexcept;

  const std::string name_;
  const std::span<khelp_vnet_variable> variables_;
  function_list starts_;       // ascending, equal places as they were linked
  function_list ends_;         // likewise
  std::size_t started_ = 0;    // of starts_
  std::uint64_t reached_ = 0;  // ends of places below this number are due
};

}  // namespace khelp
