// Connects C++ programs to a Herdbook: the code generated from the contract, with what every user would write otherwise.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include "herdbook/common/v1/file.pb.h"
#include "herdbook/config.h"
#include "herdbook/error.h"
#include "herdbook/metric_writer.h"
#include "herdbook/registry/v1/version.pb.h"
#include "herdbook/watch.h"

namespace herdbook {

// The version of all clients of Herdbook.
const char* version();

// A connection to a server. Safe for use by many threads; has to outlive its writers and watches.
class Client {
 public:
  // Prepares a connection; the first call makes it. Throws std::invalid_argument if the configuration cannot be used.
  explicit Client(Config config = Config::from_env());

  // Makes a unary call: client.call(&RunService::Stub::CreateRun, request). Tried again as the errors of the server advise;
  // where the contract has a request_id an empty one is filled in, so that a repeat does nothing twice. `deadline` is for
  // all attempts together. Throws Error.
  template <class Stub, class Request, class Response>
  Response call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*), Request request,
                std::optional<std::chrono::milliseconds> deadline = std::nullopt) const {
    Stub stub(channel_);
    Response response;
    repeat(request, deadline, [&](grpc::ClientContext* context) { return (stub.*method)(context, request, &response); });
    return response;
  }

  // For streams on a generated stub: has the call carry the token and the workspace.
  void prepare(grpc::ClientContext& context) const;
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const Config& config() const { return config_; }

  // Streams metrics of a run. Close the writer, or what was logged last may be lost.
  std::unique_ptr<MetricWriter> open_writer(const std::string& run_id, WriterOptions options = {}) const;

  // Keeps what content holds, from its present position on, as a file of a run. It is read twice, first for its digest, which
  // the server checks, and again if the connection is lost.
  common::v1::File upload_artifact(const std::string& run_id, const std::string& path, std::istream& content) const;
  // Writes a file of a run. After a lost connection it goes on with the next byte; throws if the bytes are not those of the
  // digest.
  common::v1::File download_artifact(const std::string& run_id, const std::string& path, std::ostream& into) const;
  // Writes a file of a version, such as fraud-detector@Production, likewise.
  common::v1::File download_version_file(const std::string& reference, const std::string& path, std::ostream& into) const;

  // The version of a reference: fraud-detector/3, fraud-detector@Production (a stage, an alias or a label) or
  // fraud-detector@latest.
  registry::v1::Version resolve(const std::string& reference) const;

  // Follows the registry. `relist` is called when the revision to watch from lies ahead of the workspace, as after a restored
  // backup: it lists anew what it watches over, and returns the revision of that list. Without it that is an Error.
  Watch watch(registry::v1::WatchRequest request, std::function<std::int64_t()> relist = nullptr) const;

 private:
  void repeat(google::protobuf::Message& request, std::optional<std::chrono::milliseconds> deadline,
              const std::function<grpc::Status(grpc::ClientContext*)>& attempt) const;

  Config config_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace herdbook
