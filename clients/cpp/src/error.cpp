#include "herdbook/error.h"

#include "herdbook_client/details.pb.h"

namespace herdbook {

namespace {

// The detail as a message of another name than its own, if it is `name`.
template <class Detail>
bool read(const google::protobuf::Any& any, const char* name, Detail& into) {
  return any.type_url() == std::string("type.googleapis.com/google.rpc.") + name && into.ParseFromString(any.value());
}

}  // namespace

Error::Error(const grpc::Status& status) : std::runtime_error(status.error_message()), code(status.error_code()) {
  herdbook_client::Status detailed;
  if (!detailed.ParseFromString(status.error_details())) return;
  herdbook_client::ErrorInfo info;
  herdbook_client::BadRequest bad;
  herdbook_client::PreconditionFailure refused;
  herdbook_client::RetryInfo retry;
  herdbook_client::RequestInfo request;
  for (const auto& any : detailed.details()) {
    if (read(any, "ErrorInfo", info)) {
      reason = info.reason();
      metadata = {info.metadata().begin(), info.metadata().end()};
    } else if (read(any, "BadRequest", bad)) {
      for (const auto& field : bad.field_violations()) fields.push_back({field.field(), field.description()});
    } else if (read(any, "PreconditionFailure", refused)) {
      for (const auto& rule : refused.violations()) failures.push_back({rule.type(), rule.subject(), rule.description()});
    } else if (read(any, "RetryInfo", retry)) {
      const auto& delay = retry.retry_delay();
      retry_after = std::chrono::milliseconds(delay.seconds() * 1000 + delay.nanos() / 1'000'000);
    } else if (read(any, "RequestInfo", request)) {
      request_id = request.request_id();
    }
  }
}

}  // namespace herdbook
