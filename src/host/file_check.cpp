// khelp_check_file(): what a load would say about a file, without the load.

#include <algorithm>
#include <cerrno>
#include <dlfcn.h>

#include <khelp/loader.h>

#include "core/cold_call.hpp"
#include "host/file_copy.hpp"
#include "host/load_plan.hpp"
#include "host/loader.hpp"
#include "host/module_path.hpp"
#include "host/sentence.hpp"

namespace {

using namespace khelp;

enum severity { description = 0, warning = 1, problem = 2 };

std::string_view personality_words(std::uint32_t personality) {
  return personality == KHELP_PERSONALITY_NATIVE ? "native helper" : "FreeBSD module";
}

/// Where a load in this process would find it.
std::string place_of(const module_dependency& need) {
  if (need.name == "kernel")
    return "this program";
  if (the_loader().find(need.name) >= 0)
    return "loaded already";
  const auto path = find_module_by_name(need.name, "");
  return path ? *path : path.error().detail;
}

/// Nothing is loaded to find out: libraries that are not open here define nothing here.
bool is_defined_here(const char* symbol, const std::vector<std::string>& libraries) {
  if (dlsym(RTLD_DEFAULT, symbol) != nullptr)
    return true;
  return std::any_of(libraries.begin(), libraries.end(), [&](const std::string& name) {
    void* library = dlopen(name.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr)
      return false;
    const bool defined = dlsym(library, symbol) != nullptr;
    dlclose(library);
    return defined;
  });
}

/// What it uses and nobody in this process defines; "": there is no such symbol.
std::string missing_symbols(const elf_summary& elf) {
  constexpr std::size_t most = 8;
  std::string names;
  std::size_t count = 0;
  for (const std::string& symbol : elf.imports) {
    if (is_defined_here(symbol.c_str(), elf.needed))
      continue;
    if (count++ < most)
      names += (names.empty() ? "" : ", ") + quoted(symbol);
  }
  return count > most ? sentence(names, " and ", count - most, " more") : names;
}

std::vector<std::string> describe(const module_file& file) {
  std::vector<std::string> lines;
  for (const declared_module& module : file.modules) {
    std::string line = sentence("module ", module.name, " version ", module.version, ", ",
                                personality_words(module.personality));
    if (module.data_size != 0)
      line +=
          sentence(", ", module.data_size, " bytes per object of classes ", hex(module.classes));
    lines.push_back(std::move(line));
  }
  for (const offered_interface& offer : file.offers)
    lines.push_back(sentence("offers ", offer.name, " version ", offer.version));
  for (const module_dependency& need : file.needs)
    lines.push_back(sentence("needs ", need.name, " version ", need.minimum, " to ", need.maximum,
                             ", best ", need.preferred, ": ", place_of(need)));
  for (const event_layout& event : file.events)
    lines.push_back(sentence("compiled against ", event.name, ", ", event.size, " bytes, layout ",
                             hex(event.fingerprint)));
  for (const std::string& library : file.elf.needed)
    lines.push_back("linked with " + library);
  if (const std::string names = missing_symbols(file.elf); !names.empty())
    lines.push_back("a program that loads it must define " + names + ": this one does not");
  if (!file.elf.build_id.empty())
    lines.push_back("build id " + file.elf.build_id);
  if (file.elf.memory_size != 0)
    lines.push_back(sentence(file.elf.memory_size, " bytes when mapped"));
  return lines;
}

}  // namespace

int khelp_check_file(const char* file, void (*fn)(void* arg, int severity, const char* line),
                     void* arg) {
  return cold_call([&]() -> result<void> {
    const auto bytes = read_whole_file(file);
    if (!bytes)
      return bytes.error();
    const auto contents = read_module_file(*bytes);
    if (!contents)
      return contents.error();
    std::vector<std::string> problems = contents->problems;
    for (std::string& words : layout_problems(*contents))
      problems.push_back(std::move(words));
    for (const module_dependency& need : contents->needs) {
      if (need.name == "kernel" && !need.accepts(KHELP_KERNEL_VERSION))
        problems.push_back(sentence("it was made for version ", need.minimum, " to ", need.maximum,
                                    " of the kernel; this library has version ",
                                    KHELP_KERNEL_VERSION, ": compile it again"));
    }

    for (const std::string& line : describe(*contents))
      fn(arg, description, line.c_str());
    for (const std::string& line : contents->elf.permanent)
      fn(arg, warning, ("cannot be unmapped once it is loaded: " + line).c_str());
    for (const std::string& line : problems)
      fn(arg, problem, line.c_str());
    if (problems.empty())
      return {};
    return failure(ENOEXEC, sentence(file, ": ", problems.size(), " problems"));
  });
}
