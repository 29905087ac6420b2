#include "app/replay/outputs.hpp"

#include <cerrno>
#include <unistd.h>
#include <utility>

#include "app/cli/exit_status.hpp"
#include "app/cli/overwriting.hpp"
#include "app/replay/measurements.hpp"
#include "app/replay/refusal.hpp"

namespace khelp::app {
namespace {

std::optional<output> output_file(const std::string& name) {
  if (name.empty())
    return std::nullopt;
  auto made = output::open(name);
  if (!made)
    refuse(made.error(), made.error().code == EACCES ? exit_not_permitted : exit_failed);
  return std::move(*made);
}

}  // namespace

outputs::outputs(const replay_request& asked)
    : asked_(asked),
      standard_(output::standard_output()),
      samples_(output_file(asked.samples_file)),
      plot_(output_file(asked.plot_file)) {}

result<void> outputs::check(const std::vector<std::string>& helper_files) const {
  std::vector<used_file> written = {{"standard output", standard_.identity()}};
  if (samples_)
    written.push_back({"--samples " + asked_.samples_file, samples_->identity()});
  if (plot_)
    written.push_back({"--plot " + asked_.plot_file, plot_->identity()});
  std::vector<used_file> read;
  for (const std::string& file : asked_.captures)
    read.push_back(
        {"the capture " + file, file == "-" ? identity_of(STDIN_FILENO) : identity_of(file)});
  for (const std::string& file : helper_files)
    read.push_back({"the helper " + file, identity_of(file)});
  return check_overwriting(written, read);
}

void outputs::begin() {
  if (begun_)
    return;
  for (std::optional<output>* one : {&samples_, &plot_}) {
    if (!*one)
      continue;
    if (auto begun = (*one)->begin(); !begun)
      refuse(begun.error(), exit_failed);
  }
  if (samples_)
    samples_->write(samples_header);
  begun_ = true;
}

bool outputs::finish(const plot_selection& drawn) {
  if (!begun_)
    return true;
  bool whole = true;
  if (samples_)
    whole &= complete(samples_->flush());
  if (plot_) {
    plot_->write(plot_svg(drawn));
    whole &= complete(plot_->flush());
  }
  return whole;
}

}  // namespace khelp::app
