#include "host/load_plan.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

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
  planner(const std::vector<present_file>& present, std::string_view path_first)
      : present_(present), path_first_(path_first) {}

  result<void> add(const std::string& path) {
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
    for (const std::string& problem : file.contents.problems)
      refuse(ENOEXEC, path, problem);
    for (const std::string& problem : layout_problems(file.contents))
      refuse(ENOEXEC, path, problem);
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

  void check_names_free(const planned_file& file) {
    for (const declared_module& module : file.contents.modules) {
      for (const present_file& other : present_) {
        if (std::find(other.modules.begin(), other.modules.end(), module.name) !=
            other.modules.end())
          refuse(
              EEXIST, file.path,
              sentence("module ", quoted(module.name), " is loaded already, by file ", other.id));
      }
    }
    for (const offered_interface& offer : file.contents.offers) {
      for (const present_file& other : present_) {
        const auto same = [&](const offered_interface& o) {
          return o.name == offer.name && o.version == offer.version;
        };
        const bool module_told = std::find(other.modules.begin(), other.modules.end(),
                                           offer.name) != other.modules.end();
        if (!module_told && std::any_of(other.offers.begin(), other.offers.end(), same))
          refuse(EEXIST, file.path,
                 sentence("version ", offer.version, " of ", quoted(offer.name),
                          " is offered already, by file ", other.id));
      }
    }
  }

  result<void> meet(planned_file& file, const module_dependency& need) {
    std::string others;
    if (const std::optional<std::int32_t> id = best_present(need, others)) {
      add_once(file.needs_present, *id);
      return {};
    }
    if (const std::optional<std::size_t> place = best_planned(need)) {
      add_once(file.needs_planned, *place);
      return {};
    }
    for (const planned_file* open : in_progress_) {
      if (offers(open->contents, need)) {
        refuse(ENOENT, file.path,
               sentence("it needs ", quoted(need.name), ", which needs it in turn"));
        return {};
      }
    }
    if (!others.empty()) {
      refuse(ENOENT, file.path,
             sentence("it needs ", quoted(need.name), " ", range_of(need), "; ", others));
      return {};
    }
    return search(file, need);
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

  /// `others` becomes what is there of the interface and does not do.
  std::optional<std::int32_t> best_present(const module_dependency& need, std::string& others) {
    std::optional<std::int32_t> id;
    std::int32_t best = 0;
    for (const present_file& file : present_) {
      for (const offered_interface& offer : file.offers) {
        if (offer.name != need.name)
          continue;
        if (!file.usable) {
          others = "it is there, but not ready or on its way out";
        } else if (!need.accepts(offer.version)) {
          others = sentence("version ", offer.version, " is loaded");
        } else if (!id || better(need, offer.version, best)) {
          id = file.id;
          best = offer.version;
        }
      }
    }
    return id;
  }

  std::optional<std::size_t> best_planned(const module_dependency& need) {
    for (std::size_t i = 0; i < files_.size(); i++) {
      if (offers(files_[i].contents, need))
        return i;
    }
    return std::nullopt;
  }

  /// Load it too, from the path. Its own problems are ours.
  result<void> search(planned_file& file, const module_dependency& need) {
    const auto path = find_module_by_name(need.name, path_first_);
    if (!path) {
      refuse(
          ENOENT, file.path,
          sentence("it needs ", quoted(need.name), " ", range_of(need), ": ", path.error().detail));
      return {};
    }
    if (auto added = add(*path); !added)
      return added;
    if (offers(files_.back().contents, need))
      add_once(file.needs_planned, files_.size() - 1);
    else
      refuse(ENOENT, file.path,
             sentence("it needs ", quoted(need.name), " ", range_of(need), "; ", *path,
                      " does not offer that"));
    return {};
  }

  const std::vector<present_file>& present_;
  std::string_view path_first_;
  std::vector<planned_file> files_;
  std::vector<const planned_file*> in_progress_;
  int code_ = 0;
  std::string words_;
};

}  // namespace

result<std::vector<planned_file>> plan_load(const std::string& path,
                                            const std::vector<present_file>& present,
                                            std::string_view path_first) {
  planner plan(present, path_first);
  if (auto added = plan.add(path); !added)
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
