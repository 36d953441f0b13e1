// What the server says about a failed call.
#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace herdbook {

// A field of a request, and what is wrong with it.
struct FieldProblem {
  std::string field, description;
};

// A rule that failed, for a version such as fraud-detector/3.
struct RuleFailure {
  std::string kind, version, description;
};

// A failed call, with its typed details.
class Error : public std::runtime_error {
 public:
  explicit Error(const grpc::Status& status);

  grpc::StatusCode code;
  // Stable and upper case, such as TRANSITION_REFUSED; empty if the server was not reached.
  std::string reason;
  // What the reason is about, such as the revision.
  std::map<std::string, std::string> metadata;
  // Fields of the request that are wrong.
  std::vector<FieldProblem> fields;
  // The rules that refused a move.
  std::vector<RuleFailure> failures;
  // When the server advises to try again; 0 if it does not.
  std::chrono::milliseconds retry_after{0};
  // By which the server's log has the call.
  std::string request_id;

  // Whether it passes by itself: the server is away, or advises to try again.
  bool passes() const { return code == grpc::StatusCode::UNAVAILABLE || retry_after.count() > 0; }
};

}  // namespace herdbook
