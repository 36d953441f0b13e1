// Every change of the registry, once and in order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "herdbook/registry/v1/transition.pb.h"

namespace herdbook {

class Client;

// Changes over as many connections as that takes. For one thread; any may close it.
class Watch {
 public:
  Watch(const Client& client, registry::v1::WatchRequest request, std::function<std::int64_t()> relist);
  ~Watch();
  Watch(Watch&&) noexcept;
  Watch& operator=(Watch&&) noexcept;

  // Waits for the next change; nothing once it is closed. Throws Error.
  std::optional<registry::v1::AuditRecord> next();
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace herdbook
