/// From a file's name to the source that reads it.
#pragma once

#include <memory>
#include <string>

#include "subsystem/tcp/capture/packet_source.hpp"

namespace khelp::tcp {

/// Open a capture, pcap or pcapng; "-" is standard input.
///
/// Errors   the errno of opening it · EINVAL not a capture, or its header is damaged · ENOTSUP it
///          is compressed, or a pcap of a link type that cannot be decoded.
result<std::unique_ptr<packet_source>> open_capture(const std::string& name);

}  // namespace khelp::tcp
