/// Scale in helpers: what loading and unloading one costs with 1,000 loaded, helpers of the program
/// and module files; and how long 100 that go together wait.
///
/// Files: copies of scale_module with other names, made in a folder of their own. dlopen's own time
/// is that of another copy, opened without the library.
#include <deque>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <sys/resource.h>

#include <khelp/khelp.hpp>

#include "scale.hpp"
#include "scale_event.hpp"

namespace {

constexpr int many = 1000;
constexpr int group = 100;

khelp::hook_point<scale_event> point("scale.helpers");
khelp::hook_point<scale_event> slow_point("scale.slow");

int nothing(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  return 0;
}

// A helper of this program with one hook; it unloads itself.
class one_helper {
 public:
  one_helper(const char* prefix, int number, const char* at)
      : name_(prefix + std::to_string(number)) {
    hook_.size = sizeof hook_;
    hook_.point = at;
    hook_.hook.hook_func = nothing;
    hook_.hook.hook_udata = this;
    x_.size = sizeof x_;
    x_.version = 1;
    x_.name = name_.c_str();
    x_.hooks = &hook_;
    x_.nhooks = 1;
    must(khelp_helper_register(&x_, &id_), "helper");
  }
  one_helper(const one_helper&) = delete;
  one_helper& operator=(const one_helper&) = delete;
  ~one_helper() {
    if (id_ != 0)
      must(khelp_helper_unregister(id_, KHELP_UNLOAD_REFUSE, 0), "unload");
  }
  std::int32_t id() const { return id_; }
  void has_gone() { id_ = 0; }

 private:
  std::string name_;
  khelp_hookinfo_x hook_{};
  khelp_helper_x x_{};
  std::int32_t id_ = 0;
};

struct times {
  double load;
  double unload;
};

// One helper more, in microseconds.
times one_more() {
  std::vector<double> loads;
  std::vector<double> unloads;
  for (int i = 0; i < 101; ++i) {
    std::optional<one_helper> more;
    loads.push_back(cpu_ns([&] { more.emplace("more", i, "scale.more"); }) / 1000);
    unloads.push_back(cpu_ns([&] { more.reset(); }) / 1000);
  }
  return {median(loads), median(unloads)};
}

void helpers_of_the_program() {
  const times alone = one_more();
  std::deque<one_helper> loaded;
  for (int i = 0; i < many; ++i)
    loaded.emplace_back("scale", i, ("scale." + std::to_string(i / 10)).c_str());
  const times among = one_more();
  figure("load a helper, alone", alone.load, "", "us");
  figure("load a helper, 1,000 loaded", among.load, "", "us");
  figure("load a helper, 1,000 loaded, of one alone", among.load / alone.load, "<=5.00", "x");
  figure("unload a helper, alone", alone.unload, "", "us");
  figure("unload a helper, 1,000 loaded", among.unload, "", "us");
  figure("unload a helper, 1,000 loaded, of one alone", among.unload / alone.unload, "<=5.00", "x");
}

// ---- together

constexpr auto long_run = std::chrono::milliseconds(5);

int stay_inside(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  std::this_thread::sleep_for(long_run);
  return 0;
}

// How many of the runs that are always inside somebody waits for while `unload` goes on.
template <class Unload>
double runs_waited_for(Unload unload) {
  std::deque<one_helper> helpers;
  for (int i = 0; i < group; ++i)
    helpers.emplace_back("group", i, "scale.slow");
  khelp_hookinfo hook{};
  hook.hook_func = stay_inside;
  must(khelp_hhook_add_hook(&slow_point.head(), &hook, KHELP_HHOOK_WAITOK), "add");
  double took = 0;
  {
    const runner running([] {
      scale_event event{};
      slow_point(event);
    });
    took = wall_ns([&] { unload(helpers); });
  }
  must(khelp_hhook_remove_hook(&slow_point.head(), &hook), "remove");
  return took / std::chrono::duration<double, std::nano>(long_run).count();
}

void going_together() {
  const double one_by_one =
      runs_waited_for([](std::deque<one_helper>& helpers) { helpers.clear(); });
  const double together = runs_waited_for([](std::deque<one_helper>& helpers) {
    std::vector<std::int32_t> ids;
    ids.reserve(helpers.size());
    for (const one_helper& h : helpers)
      ids.push_back(h.id());
    must(khelp_helpers_unregister(ids.data(), ids.size(), KHELP_UNLOAD_REFUSE, 0), "unload");
    for (one_helper& h : helpers)
      h.has_gone();
  });
  figure("runs that 100 helpers wait for, one after the other", one_by_one, "", "runs");
  figure("runs that 100 helpers wait for, together", together, "<=2.00", "runs");
}

// ---- module files

class module_copies {
 public:
  explicit module_copies(const std::filesystem::path& original) {
    std::ifstream in(original, std::ios::binary);
    must(!in, original.c_str());
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
    std::string folder = std::filesystem::temp_directory_path() / "khelp_scale.XXXXXX";
    must(mkdtemp(folder.data()) == nullptr, "a folder");
    folder_ = folder;
  }
  module_copies(const module_copies&) = delete;
  module_copies& operator=(const module_copies&) = delete;
  ~module_copies() { std::filesystem::remove_all(folder_); }

  // The path of copy `number`.
  std::string make(int number) const {
    constexpr std::string_view original = "scale_0000";
    char name[16];
    std::snprintf(name, sizeof name, "scale_%04d", number);
    std::string changed = bytes_;
    for (auto at = changed.find(original); at != std::string::npos; at = changed.find(original, at))
      changed.replace(at, original.size(), name);
    const std::filesystem::path path = folder_ / (name + std::string(".so"));
    std::ofstream(path, std::ios::binary) << changed;
    return path;
  }

 private:
  std::string bytes_;
  std::filesystem::path folder_;
};

times one_file(const std::string& path) {
  std::int32_t id = 0;
  times t{};
  t.load = cpu_ns([&] { must(khelp_load(path.c_str(), nullptr, &id), "load"); }) / 1000;
  t.unload = cpu_ns([&] { must(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), "unload"); }) / 1000;
  return t;
}

times one_dlopen(const std::string& path) {
  void* handle = nullptr;
  times t{};
  t.load = cpu_ns([&] { handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL); }) / 1000;
  must(handle == nullptr, "dlopen");
  t.unload = cpu_ns([&] { dlclose(handle); }) / 1000;
  return t;
}

// What a module file costs besides dlopen and dlclose, and what these cost beside it.
struct file_times {
  times beyond, bare;
};

file_times beyond_dlopen(const std::string& file, const std::string& other) {
  std::vector<double> loads, unloads, bare_loads, bare_unloads;
  for (int i = 0; i < 41; ++i) {
    const times bare = one_dlopen(other);
    const times ours = one_file(file);
    loads.push_back(ours.load - bare.load);
    unloads.push_back(ours.unload - bare.unload);
    bare_loads.push_back(bare.load);
    bare_unloads.push_back(bare.unload);
  }
  return {{median(loads), median(unloads)}, {median(bare_loads), median(bare_unloads)}};
}

void file_figures(const char* when, const file_times& t) {
  const auto named = [when](const char* what) { return std::string(what) + ", " + when; };
  figure(named("load a module file besides dlopen").c_str(), t.beyond.load, "", "us");
  limit_figure(named("dlopen of the same").c_str(), t.bare.load, "us");
  figure(named("load a module file besides dlopen, of the dlopen").c_str(),
         t.beyond.load / t.bare.load, "<=1.00", "x");
  figure(named("unload a module file besides dlclose").c_str(), t.beyond.unload, "", "us");
  limit_figure(named("dlclose of the same").c_str(), t.bare.unload, "us");
}

void module_files(const std::filesystem::path& original) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  const module_copies copies(original);
  const std::string file = copies.make(many + 1);
  const std::string other = copies.make(many + 2);
  file_figures("alone", beyond_dlopen(file, other));
  std::vector<std::int32_t> ids(many);
  for (int i = 0; i < many; ++i)
    must(khelp_load(copies.make(i + 1).c_str(), nullptr, &ids[static_cast<std::size_t>(i)]),
         "load");
  file_figures("1,000 loaded", beyond_dlopen(file, other));
  for (const std::int32_t id : ids)
    must(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), "unload");
}

}  // namespace

int main() {
  pin(0);
  must(khelp::to_errno(point.open()), "open");
  must(khelp::to_errno(slow_point.open()), "open");
  helpers_of_the_program();
  going_together();
  module_files(std::filesystem::read_symlink("/proc/self/exe").parent_path() / "scale_0000.so");
  return 0;
}
