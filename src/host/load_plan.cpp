#include "host/load_plan.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <khelp/module.h>

#include "base/text.hpp"
#include "host/file_copy.hpp"
#include "host/files.hpp"
#include "host/linker_calls.hpp"
#include "host/symbols.hpp"

namespace khelp {
namespace {

std::string range_of(const module_dependency& need) {
  if (need.minimum == need.maximum)
    return concat("version ", need.minimum);
  return concat("version ", need.minimum, " to ", need.maximum);
}

/// The best offer of an interface: the preferred version, else the highest that fits.
bool better(const module_dependency& need, std::int32_t version, std::int32_t best) {
  return version == need.preferred || (best != need.preferred && version > best);
}

/// The layouts that a file was compiled against and this process knows otherwise, in words.
std::vector<std::string> layout_problems(const module_file& file) {
  std::vector<std::string> problems;
  for (const auto& [name, theirs] : file.events) {
    const event_layout ours = known_event(name);
    if (ours.fingerprint != 0 && ours.fingerprint != theirs.fingerprint)
      problems.push_back(concat("it was compiled against another layout of ", quoted(name),
                                layout_difference(theirs, ours),
                                ": compile it again with this program's header"));
  }
  return problems;
}

class planner {
 public:
  explicit planner(const load_policy& policy) : policy_(policy) {}

  static result<planned_file> read(const std::string& path) {
    auto bytes = read_whole_file(path);
    if (!bytes)
      return std::move(bytes.error());
    auto contents = read_module_file(*bytes);
    if (!contents)
      return std::move(contents.error());
    planned_file file;
    file.path = path;
    file.bytes = std::move(*bytes);
    file.contents = std::move(*contents);
    return file;
  }

  result<void> add(planned_file file) {
    for (const std::string& problem : file.contents.problems)
      refuse(ENOEXEC, file.path, problem);
    for (const std::string& problem : layout_problems(file.contents))
      refuse(ENOEXEC, file.path, problem);
    check_names_free(file);
    in_progress_.push_back(&file);
    const std::size_t known_problems = plan_.problems.size();
    for (const module_dependency& need : file.contents.needs) {
      if (auto met = meet(file, need); !met)
        return met;
    }
    // What is linked with something that is not there has one problem, not two.
    if (plan_.problems.size() == known_problems)
      check_libraries(file);
    if (plan_.problems.size() == known_problems)
      check_process(file);
    in_progress_.pop_back();
    plan_.files.push_back(std::move(file));
    return {};
  }

  load_plan finish() { return std::move(plan_); }

 private:
  void refuse(int code, const std::string& path, std::string problem) {
    plan_.problems.push_back({code, path, std::move(problem)});
  }

  void refuse_here(int code, const std::string& path, std::string problem) {
    plan_.problems.push_back({code, path, std::move(problem), true});
  }

  /// The same, on account of a file that is there.
  void refuse_for(const present_file& other, int code, const std::string& path,
                  std::string problem) {
    refuse_here(code, path, std::move(problem));
    if (other.ending)
      plan_.blocker = other.id;
  }

  void check_names_free(const planned_file& file) {
    for (const declared_module& module : file.contents.modules) {
      if (const auto other = files_.with_module(module.name))
        refuse_for(
            *other, EEXIST, file.path,
            concat("module ", quoted(module.name), " is loaded already, by file ", other->id));
    }
    for (const offered_interface& offer : file.contents.offers) {
      const bool declared = declares(file.contents.modules, offer.name);
      for (const present_offer& other : files_.offers_of(offer.name)) {
        if (other.version != offer.version || other.withdrawn || (declared && other.names_present))
          continue;
        refuse_for(other.file, EEXIST, file.path,
                   concat("version ", offer.version, " of ", quoted(offer.name),
                          " is offered already, by file ", other.file.id));
      }
    }
    const std::string& name =
        file.contents.modules.empty() ? std::string() : file.contents.modules.front().name;
    if (std::string why = files_.too_many_zombies(name, policy_.most_zombies); !why.empty())
      refuse_here(EBUSY, file.path, std::move(why));
  }

  static bool declares(const std::vector<declared_module>& modules, const std::string& name) {
    return std::any_of(modules.begin(), modules.end(),
                       [&](const declared_module& module) { return module.name == name; });
  }

  result<void> meet(planned_file& file, const module_dependency& need) {
    std::string others;
    std::optional<present_file> on_its_way;
    const provider present = best_present(need, others, on_its_way);
    const provider planned = best_planned(need);
    if (planned.found && (!present.found || better(need, planned.version, present.version))) {
      add_once(file.needs_planned, planned.place);
      return {};
    }
    if (present.found) {
      add_once(file.needs_present, present.file);
      return {};
    }
    for (const planned_file* open : in_progress_) {
      if (offers(open->contents, need)) {
        refuse(ENOENT, file.path,
               concat("it needs ", quoted(need.name), ", which needs it in turn"));
        return {};
      }
    }
    if (on_its_way) {
      refuse_for(*on_its_way, ENOENT, file.path,
                 concat("it needs ", quoted(need.name), " ", range_of(need),
                        "; it is there, but not ready or on its way out"));
      return {};
    }
    return search(file, need, others);
  }

  template <class T>
  static void add_once(std::vector<T>& to, T value) {
    if (!contains(to, value))
      to.push_back(value);
  }

  template <class T>
  static bool contains(const std::vector<T>& among, T value) {
    return std::find(among.begin(), among.end(), value) != among.end();
  }

  static bool offers(const module_file& file, const module_dependency& need) {
    return std::any_of(file.offers.begin(), file.offers.end(), [&](const offered_interface& o) {
      return o.name == need.name && need.accepts(o.version);
    });
  }

  /// Who offers an interface: a file that is there, or a place in the plan.
  struct provider {
    bool found = false;
    std::int32_t file = 0;
    std::size_t place = 0;
    std::int32_t version = 0;

    bool is_worse(const module_dependency& need, std::int32_t other) const {
      return need.accepts(other) && (!found || better(need, other, version));
    }
  };

  /// `others` becomes what is there of the interface and does not do; `on_its_way` a file that
  /// would do at another time.
  provider best_present(const module_dependency& need, std::string& others,
                        std::optional<present_file>& on_its_way) {
    provider best;
    for (const present_offer& offer : files_.offers_of(need.name)) {
      if (offer.withdrawn) {
        if (need.accepts(offer.version))
          others = concat("it belongs to a module of file ", offer.file.id, " that did not start");
        continue;
      }
      if (!need.accepts(offer.version))
        others = concat("version ", offer.version, " is loaded");
      else if (!offer.usable)
        on_its_way = offer.file;
      if (offer.usable && best.is_worse(need, offer.version))
        best = {true, offer.file.id, 0, offer.version};
    }
    return best;
  }

  provider best_planned(const module_dependency& need) {
    provider best;
    for (std::size_t i = 0; i < plan_.files.size(); i++) {
      for (const offered_interface& offer : plan_.files[i].contents.offers) {
        if (offer.name == need.name && best.is_worse(need, offer.version))
          best = {true, 0, i, offer.version};
      }
    }
    return best;
  }

  /// Load it too: the first file of its name along the path that offers what is needed. Its own
  /// problems are ours.
  result<void> search(planned_file& file, const module_dependency& need, std::string others) {
    const auto words = [&](const std::string& why) {
      return concat("it needs ", quoted(need.name), " ", range_of(need), why);
    };
    if (need.name == "kernel") {
      refuse(ENOENT, file.path, words("; " + others + ": compile it again"));
      return {};
    }
    const auto paths = find_modules_by_name(need.name, policy_.folders);
    if (!paths) {
      refuse_here(ENOENT, file.path,
                  words(others.empty() ? ": " + paths.error().detail : "; " + others));
      return {};
    }
    for (const std::string& path : *paths) {
      auto candidate = read(path);
      if (!candidate && candidate.error().code == ENOMEM)
        return std::move(candidate.error());
      if (!candidate) {
        refuse(candidate.error().code, file.path, words(": " + candidate.error().detail));
        return {};
      }
      // A damaged file may not be able to tell what it offers.
      if (!offers(candidate->contents, need) && candidate->contents.sound()) {
        if (others.empty())
          others = path + " does not offer that";
        continue;
      }
      if (auto added = add(std::move(*candidate)); !added)
        return added;
      add_once(file.needs_planned, plan_.files.size() - 1);
      return {};
    }
    refuse(ENOENT, file.path, words("; " + others));
    return {};
  }

  /// A module calls functions of another one by being linked with it: the dynamic linker compares
  /// the name (DT_NEEDED) with those of all files that it has (DT_SONAME), and the first one that
  /// came is bound to. Of modules that must be one that the file depends on, which then stays as long
  /// as it. Another library must be there already, or be one that the host allows.
  void check_libraries(const planned_file& file) {
    std::vector<std::string> problems;
    repeated_problem refused(problems, "libraries");
    for (const std::string& library : file.contents.elf.beyond_runtime) {
      const auto present = files_.with_soname(library);
      const planned_file* const planned = planned_library(library);
      if (present) {
        if (contains(file.needs_present, present->id))
          continue;
        refuse_for(*present, ENOEXEC, file.path,
                   concat("it needs ", quoted(library), ", which is the name of file ", present->id,
                          "; it does not depend on that"));
      } else if (planned == nullptr) {
        if (!may_need(library))
          refused.add(
              "it needs ", quoted(library),
              ", which is the name (DT_SONAME, -Wl,-soname) of no module that it depends on, "
              "and no library of this process: a helper may need only the C and C++ run-time, "
              "its modules, and what is there; link the library statically or with the "
              "program, or let the program allow it (--allow-library, khelp_load_options)");
      } else if (!contains(file.needs_planned,
                           static_cast<std::size_t>(planned - plan_.files.data()))) {
        refused.add("it needs ", quoted(library), ", which is the name of ", planned->path,
                    "; it does not depend on that");
      }
    }
    refused.close();
    for (std::string& problem : problems)
      refuse(ENOEXEC, file.path, std::move(problem));
  }

  bool may_need(const std::string& library) const {
    return std::any_of(policy_.libraries.begin(), policy_.libraries.end(),
                       [&](const auto& pattern) { return stands_for(pattern, library); }) ||
           (linker_is_whole() && is_mapped_library(library));
  }

  /// What the dynamic linker would refuse in this process, or what would end it.
  void check_process(planned_file& file) {
    if (!linker_is_whole())
      return refuse_here(ENOTRECOVERABLE, file.path, linker_is_not_whole);
    const elf_summary& elf = file.contents.elf;
    if (const std::string other = other_copy_called(); !other.empty())
      refuse_here(ENOEXEC, file.path,
                  concat("this process has two copies of libkhelp: it would be loaded by ",
                         own_path(), ", and call ", other,
                         ", which knows nothing of it: link the program and its plugins with one "
                         "shared libkhelp, or load it by that copy"));
    const process_answer answer = ask_process(elf);
    for (const std::string& library : answer.absent) {
      if (planned_library(library) != nullptr)
        continue;
      file.brings_in.push_back(library);
      if (must_come_first(library))
        refuse_here(ENOEXEC, file.path,
                    concat("it needs ", quoted(library),
                           ", a sanitizer's run-time, which ends a program that was started "
                           "without it: build the program with that sanitizer, or preload it "
                           "(LD_PRELOAD)"));
    }
    for (const std::string& version : answer.missing_versions)
      refuse_here(ENOEXEC, file.path,
                  concat("it needs a version that the library here does not have, ", version,
                         ": build it on this system, or on an older one"));
    // What a library brings that is not there yet is not known.
    if (file.brings_in.empty())
      check_symbols(file, answer.undefined);
  }

  static bool must_come_first(std::string_view library) {
    constexpr std::string_view runtimes[] = {
        "libasan.so.*",      "libhwasan.so.*",      "liblsan.so.*",      "libtsan.so.*",
        "libclang_rt.asan*", "libclang_rt.hwasan*", "libclang_rt.lsan*", "libclang_rt.tsan*"};
    return std::any_of(std::begin(runtimes), std::end(runtimes),
                       [&](std::string_view runtime) { return stands_for(runtime, library); });
  }

  const planned_file* planned_library(const std::string& name) const {
    const auto found = std::find_if(plan_.files.begin(), plan_.files.end(), [&](const auto& other) {
      return other.contents.elf.soname == name;
    });
    return found == plan_.files.end() ? nullptr : &*found;
  }

  /// Functions are bound when the file is mapped: what nobody defines is refused by the linker.
  void check_symbols(const planned_file& file, const std::vector<std::string>& undefined) {
    constexpr std::size_t most = 8;
    std::string names;
    std::size_t count = 0;
    for (const std::string& symbol : undefined) {
      if (comes_with_it(symbol, file))
        continue;
      if (count++ >= most)
        continue;
      names += (names.empty() ? "" : ", ") + quoted(symbol);
      if (const std::string exporter = exporter_of(symbol, file); !exporter.empty())
        names += " (which " + exporter + " exports: depend on that module, and link with its file)";
    }
    if (count > most)
      names += concat(" and ", count - most, " more");
    if (count != 0)
      refuse_here(ENOEXEC, file.path,
                  concat("a program that loads it must define ", names, ": this one does not"));
  }

  /// Whether a file defines it that comes first, and that the file is linked with, be it by another.
  bool comes_with_it(const std::string& symbol, const planned_file& file) const {
    std::vector<const planned_file*> linked;
    const auto add = [&](const planned_file& user) {
      for (const std::string& library : user.contents.elf.beyond_runtime) {
        const planned_file* const other = planned_library(library);
        if (other != nullptr && !contains(linked, other))
          linked.push_back(other);
      }
    };
    add(file);
    for (std::size_t i = 0; i < linked.size(); i++)
      add(*linked[i]);
    return std::any_of(linked.begin(), linked.end(), [&](const planned_file* other) {
      return exports(other->contents.elf.exports, symbol);
    });
  }

  /// A module that has it; "": none.
  std::string exporter_of(const std::string& symbol, const planned_file& file) const {
    for (const std::size_t place : file.needs_planned) {
      if (exports(plan_.files[place].contents.elf.exports, symbol))
        return plan_.files[place].path;
    }
    return files_.exporter_of(symbol);
  }

  file_table& files_ = the_files();
  const load_policy& policy_;
  load_plan plan_;
  std::vector<const planned_file*> in_progress_;
};

}  // namespace

failure load_plan::refusal() const {
  const auto gravity = [](int code) { return code == ENOEXEC ? 2 : code == EEXIST ? 1 : 0; };
  int code = problems.front().code;
  std::string words;
  for (const plan_problem& problem : problems) {
    if (gravity(problem.code) > gravity(code))
      code = problem.code;
    words += (words.empty() ? "" : "\n") + problem.path + ": " + problem.words;
  }
  return failure(code, std::move(words));
}

result<load_plan> plan_load(const std::string& path, const load_policy& policy) {
  planner plan(policy);
  auto file = planner::read(path);
  if (!file)
    return std::move(file.error());
  if (auto added = plan.add(std::move(*file)); !added)
    return std::move(added.error());
  return plan.finish();
}

}  // namespace khelp
