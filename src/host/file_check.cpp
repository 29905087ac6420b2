#include "host/file_check.hpp"

#include <algorithm>
#include <cerrno>

#include <khelp/loader.h>

#include "base/text.hpp"
#include "host/files.hpp"
#include "host/linker_calls.hpp"
#include "host/load_plan.hpp"
#include "host/own_threads.hpp"
#include "host/symbols.hpp"

namespace khelp {
namespace {

enum severity { description = 0, warning = 1, problem = 2 };

std::string_view personality_words(std::uint32_t personality) {
  return personality == KHELP_PERSONALITY_NATIVE ? "native helper" : "FreeBSD module";
}

/// Where a load in this process would find it.
std::string place_of(const module_dependency& need, const load_plan& plan) {
  for (const std::size_t place : plan.files.back().needs_planned) {
    const planned_file& other = plan.files[place];
    if (std::any_of(other.contents.offers.begin(), other.contents.offers.end(),
                    [&](const offered_interface& offer) {
                      return offer.name == need.name && need.accepts(offer.version);
                    }))
      return other.path;
  }
  if (need.name == "kernel")
    return "this program";
  return the_files().find(need.name) >= 0 ? "loaded already" : "not here";
}

/// Where the dynamic linker would take a library from.
std::string place_of_library(const std::string& library, const load_plan& plan) {
  for (const planned_file& other : plan.files) {
    if (other.contents.elf.soname == library)
      return other.path;
  }
  return is_mapped_library(library) ? "loaded already" : "would be brought in";
}

std::vector<std::string> describe(const load_plan& plan) {
  const module_file& file = plan.files.back().contents;
  std::vector<std::string> lines;
  for (const declared_module& module : file.modules) {
    std::string line = concat("module ", module.name, " version ", module.version, ", ",
                              personality_words(module.personality));
    if (module.data_size != 0)
      line += concat(", ", module.data_size, " bytes per object of classes ", hex(module.classes));
    lines.push_back(std::move(line));
  }
  for (const offered_interface& offer : file.offers)
    lines.push_back(concat("offers ", offer.name, " version ", offer.version));
  for (const module_dependency& need : file.needs)
    lines.push_back(concat("needs ", need.name, " version ", need.minimum, " to ", need.maximum,
                           ", best ", need.preferred, ": ", place_of(need, plan)));
  for (const auto& [name, layout] : file.events)
    lines.push_back(concat("compiled against ", name, ", ", layout.size, " bytes, layout ",
                           hex(layout.fingerprint)));
  for (const std::string& library : file.elf.needed)
    lines.push_back(linker_is_whole()
                        ? concat("linked with ", library, ": ", place_of_library(library, plan))
                        : "linked with " + library);
  for (const std::string& line : judge_unmapping(file.elf).later)
    lines.push_back("may stay mapped for some time after its unload: " + line);
  if (!file.elf.build_id.empty())
    lines.push_back("build id " + file.elf.build_id);
  if (file.elf.memory_size != 0)
    lines.push_back(concat(file.elf.memory_size, " bytes when mapped"));
  return lines;
}

}  // namespace

result<void> check_file(const load_request& request,
                        void (*fn)(void* arg, int severity, const char* line), void* arg) {
  const auto plan = plan_of(request);
  if (!plan)
    return plan.error();
  const planned_file& checked = plan->files.back();
  const auto words_of = [&](const plan_problem& why) {
    return why.path == checked.path ? why.words : why.path + ": " + why.words;
  };

  for (const std::string& line : describe(*plan))
    fn(arg, description, line.c_str());
  for (const plan_problem& why : plan->problems) {
    if (why.only_here)
      fn(arg, description, ("would not load here: " + words_of(why)).c_str());
  }
  for (const std::string& line : judge_unmapping(checked.contents.elf).never)
    fn(arg, warning, ("cannot be unmapped once it is loaded: " + line).c_str());
  std::size_t problems = 0;
  for (const plan_problem& why : plan->problems) {
    if (why.only_here)
      continue;
    problems++;
    fn(arg, problem, words_of(why).c_str());
  }
  if (problems == 0)
    return {};
  return failure(ENOEXEC, concat(request.name, ": ", problems, " problems"));
}

}  // namespace khelp
