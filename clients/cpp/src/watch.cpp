#include "herdbook/watch.h"

#include <mutex>

#include "herdbook/client.h"
#include "herdbook/registry/v1/transition.grpc.pb.h"
#include "patience.h"

namespace herdbook {

using registry::v1::AuditRecord;
using registry::v1::WatchRequest;
using registry::v1::WatchResponse;

struct Watch::State {
  const Client& client;
  WatchRequest request;
  std::function<std::int64_t()> relist;
  registry::v1::TransitionService::Stub stub;
  std::unique_ptr<grpc::ClientReader<WatchResponse>> events;

  std::mutex mutex;
  std::unique_ptr<grpc::ClientContext> context;  // Of the stream that stands, to cancel it.
  bool closed = false;

  State(const Client& client, WatchRequest request, std::function<std::int64_t()> relist)
      : client(client), request(std::move(request)), relist(std::move(relist)), stub(client.channel()) {}

  ~State() {
    close();
    lose();
  }

  void close() {
    const std::lock_guard lock(mutex);
    closed = true;
    if (context) context->TryCancel();
  }

  // Opens a stream; false if the watch is closed.
  bool open() {
    const std::lock_guard lock(mutex);
    if (closed) return false;
    context = std::make_unique<grpc::ClientContext>();
    client.prepare(*context);
    events = stub.Watch(context.get(), request);
    return true;
  }

  // Ends the stream that stands, if one does, and says how it ended.
  grpc::Status lose() {
    if (!events) return grpc::Status::OK;
    const grpc::Status status = events->Finish();
    const std::lock_guard lock(mutex);
    events.reset();
    context.reset();
    return status;
  }

  // The next event; OK without one once the watch is closed.
  grpc::Status read(std::optional<WatchResponse>& found) {
    while (events || open()) {
      WatchResponse event;
      if (events->Read(&event)) {
        found = std::move(event);
        return grpc::Status::OK;
      }
      const grpc::Status status = lose();
      if (status.error_code() == grpc::OUT_OF_RANGE && relist) {
        request.set_after_revision(relist());
        continue;
      }
      const std::lock_guard lock(mutex);
      if (closed) break;
      return status.ok() ? grpc::Status(grpc::UNAVAILABLE, "the server ended the stream") : status;
    }
    return grpc::Status::OK;
  }
};

Watch::Watch(const Client& client, WatchRequest request, std::function<std::int64_t()> relist)
    : state_(std::make_unique<State>(client, std::move(request), std::move(relist))) {}
Watch::~Watch() = default;
Watch::Watch(Watch&&) noexcept = default;
Watch& Watch::operator=(Watch&&) noexcept = default;

std::optional<AuditRecord> Watch::next() {
  while (true) {
    std::optional<WatchResponse> event;
    persist(state_->client.config(), [&](bool&) { return state_->read(event); });
    if (!event) return std::nullopt;
    if (event->has_record()) {
      state_->request.set_after_revision(event->record().revision());
      return event->record();
    }
    state_->request.set_after_revision(event->bookmark());
  }
}

void Watch::close() { state_->close(); }

}  // namespace herdbook
