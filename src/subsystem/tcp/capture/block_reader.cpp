#include "subsystem/tcp/capture/block_reader.hpp"

#include <cstring>
#include <utility>

namespace khelp::tcp {

namespace {

/// Large reads: a system call for every page of a file costs more than what is done with the page.
constexpr size_t read_size = size_t{128} * 1024;

}  // namespace

block_reader::block_reader(std::unique_ptr<byte_input> input)
    : input_(std::move(input)), room_(read_size), buffer_(new uint8_t[room_]) {}

/// The window moves to the front, into twice the room if it fills what there is.
void block_reader::evict_for() {
  const size_t held = end_ - begin_;
  if (held == room_) {
    std::unique_ptr<uint8_t[]> larger(new uint8_t[room_ * 2]);
    std::memcpy(larger.get(), &buffer_[begin_], held);
    buffer_ = std::move(larger);
    room_ *= 2;
  } else {
    std::memmove(&buffer_[0], &buffer_[begin_], held);
  }
  begin_ = 0;
  end_ = held;
}

result<bool> block_reader::fill(size_t bytes) {
  while (end_ - begin_ < bytes) {
    if (begin_ != 0 || end_ == room_)
      evict_for();
    auto got = input_->read({&buffer_[end_], room_ - end_});
    if (!got)
      return std::move(got).error();
    if (*got == 0)
      return false;
    end_ += *got;
  }
  return true;
}

}  // namespace khelp::tcp
