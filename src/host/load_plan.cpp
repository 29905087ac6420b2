#include "host/load_plan.hpp"

#include <algorithm>
#include <cerrno>

#include <khelp/module.h>

#include "host/file_copy.hpp"
#include "host/sentence.hpp"

namespace khelp {
namespace {

std::string range_of(const module_dependency& need) {
  if (need.minimum == need.maximum)
    return sentence("version ", need.minimum);
  return sentence("version ", need.minimum, " to ", need.maximum);
}

/// The best offer of an interface: the preferred version, else the highest that fits.
bool better(const module_dependency& need, std::int32_t version, std::int32_t best) {
  return version == need.preferred || (best != need.preferred && version > best);
}

/// The layouts that a file was compiled against and this process knows otherwise, in words.
std::vector<std::string> layout_problems(const module_file& file) {
  std::vector<std::string> problems;
  for (const event_layout& event : file.events) {
    const std::uint64_t known = khelp_event_fingerprint(event.name.c_str());
    if (known != 0 && known != event.fingerprint)
      problems.push_back(sentence("it was compiled against another layout of ", quoted(event.name),
                                  " (", event.size, " bytes there): compile it again"));
  }
  return problems;
}

class planner {
 public:
  planner(const std::vector<present_file>& present, const module_path& folders)
      : present_(present), folders_(folders) {}

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
      plan_.hindrance = other.id;
  }

  void check_names_free(const planned_file& file) {
    for (const declared_module& module : file.contents.modules) {
      for (const present_file& other : present_) {
        if (std::find(other.modules.begin(), other.modules.end(), module.name) !=
            other.modules.end())
          refuse_for(
              other, EEXIST, file.path,
              sentence("module ", quoted(module.name), " is loaded already, by file ", other.id));
      }
    }
    for (const offered_interface& offer : file.contents.offers) {
      for (const present_file& other : present_) {
        const auto same = [&](const offered_interface& o) {
          return o.name == offer.name && o.version == offer.version;
        };
        const bool told = declares(file.contents.modules, offer.name) &&
                          std::find(other.modules.begin(), other.modules.end(), offer.name) !=
                              other.modules.end();
        if (!told && std::any_of(other.offers.begin(), other.offers.end(), same))
          refuse_for(other, EEXIST, file.path,
                     sentence("version ", offer.version, " of ", quoted(offer.name),
                              " is offered already, by file ", other.id));
      }
    }
  }

  static bool declares(const std::vector<declared_module>& modules, const std::string& name) {
    return std::any_of(modules.begin(), modules.end(),
                       [&](const declared_module& module) { return module.name == name; });
  }

  result<void> meet(planned_file& file, const module_dependency& need) {
    std::string others;
    const present_file* on_its_way = nullptr;
    const provider present = best_present(need, others, on_its_way);
    const provider planned = best_planned(need);
    if (planned.found && (!present.found || better(need, planned.version, present.version))) {
      add_once(file.needs_planned, planned.place);
      return {};
    }
    if (present.found) {
      add_once(file.needs_present, present_[present.place].id);
      return {};
    }
    for (const planned_file* open : in_progress_) {
      if (offers(open->contents, need)) {
        refuse(ENOENT, file.path,
               sentence("it needs ", quoted(need.name), ", which needs it in turn"));
        return {};
      }
    }
    if (on_its_way != nullptr) {
      refuse_for(*on_its_way, ENOENT, file.path,
                 sentence("it needs ", quoted(need.name), " ", range_of(need),
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

  /// Who offers an interface: a place in the list of those that are there, or in the plan.
  struct provider {
    bool found = false;
    std::size_t place = 0;
    std::int32_t version = 0;

    void take_if_better(const module_dependency& need, std::size_t other,
                        const std::vector<offered_interface>& offers) {
      for (const offered_interface& offer : offers) {
        if (offer.name != need.name || !need.accepts(offer.version))
          continue;
        if (!found || better(need, offer.version, version))
          *this = {true, other, offer.version};
      }
    }
  };

  /// `others` becomes what is there of the interface and does not do; `on_its_way` a file that
  /// would do at another time.
  provider best_present(const module_dependency& need, std::string& others,
                        const present_file*& on_its_way) {
    provider best;
    for (std::size_t i = 0; i < present_.size(); i++) {
      const present_file& file = present_[i];
      for (const offered_interface& offer : file.offers) {
        if (offer.name == need.name && !need.accepts(offer.version))
          others = sentence("version ", offer.version, " is loaded");
        else if (offer.name == need.name && !file.usable)
          on_its_way = &file;
      }
      for (const offered_interface& offer : file.withdrawn) {
        if (offer.name == need.name && need.accepts(offer.version))
          others = sentence("it belongs to a module of file ", file.id, " that did not start");
      }
      if (file.usable)
        best.take_if_better(need, i, file.offers);
    }
    return best;
  }

  provider best_planned(const module_dependency& need) {
    provider best;
    for (std::size_t i = 0; i < plan_.files.size(); i++)
      best.take_if_better(need, i, plan_.files[i].contents.offers);
    return best;
  }

  /// Load it too: the first file of its name along the path that offers what is needed. Its own
  /// problems are ours.
  result<void> search(planned_file& file, const module_dependency& need, std::string others) {
    const auto words = [&](const std::string& why) {
      return sentence("it needs ", quoted(need.name), " ", range_of(need), why);
    };
    if (need.name == "kernel") {
      refuse(ENOENT, file.path, words("; " + others + ": compile it again"));
      return {};
    }
    const auto paths = find_modules_by_name(need.name, folders_);
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
  /// came is bound to. That must be one that the file depends on, which then stays as long as it.
  void check_libraries(const planned_file& file) {
    std::vector<std::string> problems;
    repeated_problem refused(problems, "libraries");
    for (const std::string& library : file.contents.elf.from_modules) {
      const auto has_name = [&](const auto& soname) { return soname == library; };
      const auto present = std::find_if(present_.begin(), present_.end(),
                                        [&](const auto& other) { return has_name(other.soname); });
      const auto planned =
          std::find_if(plan_.files.begin(), plan_.files.end(),
                       [&](const auto& other) { return has_name(other.contents.elf.soname); });
      if (present != present_.end()) {
        if (contains(file.needs_present, present->id))
          continue;
        refuse_for(*present, ENOEXEC, file.path,
                   sentence("it needs ", quoted(library), ", which is the name of file ",
                            present->id, "; it does not depend on that"));
      } else if (planned == plan_.files.end()) {
        refused.add("it needs ", quoted(library),
                    ", which is the name (DT_SONAME, -Wl,-soname) of no module that it depends on");
      } else if (!contains(file.needs_planned,
                           static_cast<std::size_t>(planned - plan_.files.begin()))) {
        refused.add("it needs ", quoted(library), ", which is the name of ", planned->path,
                    "; it does not depend on that");
      }
    }
    refused.close();
    for (std::string& problem : problems)
      refuse(ENOEXEC, file.path, std::move(problem));
  }

  const std::vector<present_file>& present_;
  const module_path& folders_;
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

result<load_plan> plan_load(const std::string& path, const std::vector<present_file>& present,
                            const module_path& folders) {
  planner plan(present, folders);
  auto file = planner::read(path);
  if (!file)
    return std::move(file.error());
  if (auto added = plan.add(std::move(*file)); !added)
    return std::move(added.error());
  return plan.finish();
}

}  // namespace khelp
