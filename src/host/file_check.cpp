// khelp_check_file(): what a load would say about a file, without the load.

#include <cerrno>

#include <khelp/loader.h>

#include "core/cold_call.hpp"
#include "host/file_copy.hpp"
#include "host/load_plan.hpp"
#include "host/sentence.hpp"

namespace {

using namespace khelp;

enum severity { description = 0, warning = 1, problem = 2 };

std::string_view personality_words(std::uint32_t personality) {
  return personality == KHELP_PERSONALITY_NATIVE ? "native helper" : "FreeBSD module";
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
                             ", best ", need.preferred));
  for (const event_layout& event : file.events)
    lines.push_back(sentence("compiled against ", event.name, ", ", event.size, " bytes, layout ",
                             hex(event.fingerprint)));
  for (const std::string& library : file.elf.needed)
    lines.push_back("linked with " + library);
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
