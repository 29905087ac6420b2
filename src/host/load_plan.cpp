#include "host/load_plan.hpp"

#include <algorithm>
#include <cerrno>

#include <khelp/module.h>

#include "host/file_copy.hpp"
#include "host/module_path.hpp"
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

class planner {
 public:
  planner(const std::vector<present_file>& present, std::string_view path_first,
          std::int32_t& hindrance)
      : present_(present), path_first_(path_first), hindrance_(hindrance) {}

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
    for (const module_dependency& need : file.contents.needs) {
      if (auto met = meet(file, need); !met)
        return met;
    }
    in_progress_.pop_back();
    files_.push_back(std::move(file));
    return {};
  }

  result<std::vector<planned_file>> finish() {
    if (words_.empty())
      return std::move(files_);
    return failure(code_, words_);
  }

 private:
  /// Of several codes the gravest stands: a file that is refused, then one that is there already,
  /// then what is missing.
  void refuse(int code, const std::string& path, const std::string& problem) {
    const auto gravity = [](int c) { return c == ENOEXEC ? 3 : c == EEXIST ? 2 : c == 0 ? 0 : 1; };
    if (gravity(code) > gravity(code_))
      code_ = code;
    words_ += (words_.empty() ? "" : "\n") + path + ": " + problem;
  }

  /// The same, on account of a file that is there.
  void refuse_for(const present_file& other, int code, const std::string& path,
                  const std::string& problem) {
    refuse(code, path, problem);
    if (other.ending)
      hindrance_ = other.id;
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
    if (std::find(to.begin(), to.end(), value) == to.end())
      to.push_back(value);
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
      if (file.usable)
        best.take_if_better(need, i, file.offers);
    }
    return best;
  }

  provider best_planned(const module_dependency& need) {
    provider best;
    for (std::size_t i = 0; i < files_.size(); i++)
      best.take_if_better(need, i, files_[i].contents.offers);
    return best;
  }

  /// Load it too: the first file of its name along the path that offers what is needed. Its own
  /// problems are ours.
  result<void> search(planned_file& file, const module_dependency& need, std::string others) {
    const auto refuse_need = [&](const std::string& why) {
      refuse(ENOENT, file.path, sentence("it needs ", quoted(need.name), " ", range_of(need), why));
    };
    const auto paths = find_modules_by_name(need.name, path_first_);
    if (!paths) {
      refuse_need(others.empty() ? ": " + paths.error().detail : "; " + others);
      return {};
    }
    for (const std::string& path : *paths) {
      auto candidate = read(path);
      if (!candidate)
        return std::move(candidate.error());
      // A damaged file may not be able to tell what it offers.
      if (!offers(candidate->contents, need) && candidate->contents.sound()) {
        if (others.empty())
          others = path + " does not offer that";
        continue;
      }
      if (auto added = add(std::move(*candidate)); !added)
        return added;
      add_once(file.needs_planned, files_.size() - 1);
      return {};
    }
    refuse_need("; " + others);
    return {};
  }

  const std::vector<present_file>& present_;
  std::string_view path_first_;
  std::int32_t& hindrance_;
  std::vector<planned_file> files_;
  std::vector<const planned_file*> in_progress_;
  int code_ = 0;
  std::string words_;
};

}  // namespace

result<std::vector<planned_file>> plan_load(const std::string& path,
                                            const std::vector<present_file>& present,
                                            std::string_view path_first, std::int32_t& hindrance) {
  planner plan(present, path_first, hindrance);
  auto file = planner::read(path);
  if (!file)
    return std::move(file.error());
  if (auto added = plan.add(std::move(*file)); !added)
    return std::move(added.error());
  return plan.finish();
}

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

}  // namespace khelp
