// SPDX-License-Identifier: MIT
//
// NatsFree: gives back what libnats has made, for std::unique_ptr.

#ifndef OUTBOX_NATS_FREE_HPP
#define OUTBOX_NATS_FREE_HPP

#include <nats/nats.h>

namespace outbox {

struct NatsFree {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
  void operator()(jsCtx* context) const { jsCtx_Destroy(context); }
  void operator()(jsStreamInfo* info) const { jsStreamInfo_Destroy(info); }
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};

}  // namespace outbox

#endif  // OUTBOX_NATS_FREE_HPP
