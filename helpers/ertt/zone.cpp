#include "zone.hpp"

#include <cerrno>

#include <khelp/uma.h>

#include "record.hpp"

namespace khelp::ertt {
namespace {

khelp_uma_zone_t segments;  // set before any hook runs, cleared after the last one

}  // namespace

int open_zone() noexcept {
  segments = khelp_uma_zcreate("ertt_segment", record_size, nullptr, nullptr, nullptr, nullptr,
                               KHELP_UMA_ALIGN_PTR, 0);
  return segments != nullptr ? 0 : ENOMEM;
}

void close_zone() noexcept {
  khelp_uma_zdestroy(segments);
  segments = nullptr;
}

void* take_record() noexcept {
  return khelp_uma_zalloc(segments, KHELP_M_NOWAIT);
}

void give_record(void* record) noexcept {
  khelp_uma_zfree(segments, record);
}

}  // namespace khelp::ertt
