#include "herdbook/client.h"

#include <google/protobuf/descriptor.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "herdbook/registry/v1/version.grpc.pb.h"
#include "patience.h"

namespace herdbook {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

namespace {

// Largest message in either direction, as the server has it.
constexpr int kMessageBytes = 16 << 20;

[[noreturn]] void refuse(const Config& config) {
  throw std::invalid_argument("the server cannot be \"" + config.url + "\"; give an address such as http://127.0.0.1:5757");
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (!file || !(content << file.rdbuf())) throw std::invalid_argument("the certificates to trust: " + path + " cannot be read");
  return content.str();
}

std::shared_ptr<grpc::Channel> connect(const Config& config) {
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  std::string address;
  const auto after = [&](const std::string& scheme) {
    const bool matches = config.url.rfind(scheme, 0) == 0;
    if (matches) address = config.url.substr(scheme.size());
    return matches;
  };
  if (after("https://")) {
    grpc::SslCredentialsOptions options;
    if (!config.ca_file.empty()) options.pem_root_certs = read_file(config.ca_file);
    credentials = grpc::SslCredentials(options);
  } else if (after("http://")) {
    credentials = grpc::InsecureChannelCredentials();
  } else {
    refuse(config);
  }
  address.erase(address.find_last_not_of('/') + 1);
  if (address.empty() || address.find('/') != std::string::npos) refuse(config);
  // Behind the brackets of an address of IPv6, where there are any.
  const bool has_port = address.find(':', address.rfind(']') == std::string::npos ? 0 : address.rfind(']')) != std::string::npos;
  if (!has_port) address += config.url.rfind("https", 0) == 0 ? ":443" : ":80";
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix(std::string("herdbook-cpp/") + version());
  arguments.SetMaxReceiveMessageSize(kMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 10'000);
  // A connection of its own: another client's that is lost is none of this one's business.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // One set of repeats, ours.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomChannel("dns:///" + address, credentials, arguments);
}

// Gives a request a key for safe repeats, where the contract has one and the caller gave none.
void fill_request_id(google::protobuf::Message& request) {
  const auto* fields = request.GetDescriptor();
  const auto* reflection = request.GetReflection();
  const auto* id = fields->FindFieldByName("request_id");
  const auto* position = fields->FindFieldByName("position");
  if (id == nullptr || !reflection->GetString(request, id).empty()) return;
  if (position != nullptr && reflection->HasField(request, position)) return;
  reflection->SetString(&request, id, random_name());
}

}  // namespace

const char* version() { return HERDBOOK_VERSION; }

Client::Client(Config config) : config_(std::move(config)), channel_(connect(config_)) {}

void Client::prepare(grpc::ClientContext& context) const {
  if (!config_.token.empty()) context.AddMetadata("authorization", "Bearer " + config_.token);
  if (!config_.workspace.empty()) context.AddMetadata("herdbook-workspace", config_.workspace);
}

void Client::repeat(google::protobuf::Message& request, std::optional<milliseconds> deadline,
                    const std::function<grpc::Status(grpc::ClientContext*)>& attempt) const {
  fill_request_id(request);
  const auto until = steady_clock::now() + config_.patience;
  const auto latest = deadline ? std::optional(system_clock::now() + *deadline) : std::nullopt;
  for (int failures = 0;; failures++) {
    grpc::ClientContext context;
    prepare(context);
    if (latest) context.set_deadline(*latest);
    const grpc::Status status = attempt(&context);
    if (status.ok()) return;
    const Error error(status);
    if (!error.passes()) throw error;
    const auto pause = pause_after(error, failures);
    if (steady_clock::now() + pause > until || (latest && system_clock::now() + pause > *latest)) {
      throw Error(described(status, error, config_));
    }
    std::this_thread::sleep_for(pause);
  }
}

std::unique_ptr<MetricWriter> Client::open_writer(const std::string& run_id, WriterOptions options) const {
  return std::make_unique<MetricWriter>(*this, run_id, std::move(options));
}

registry::v1::Version Client::resolve(const std::string& reference) const {
  registry::v1::GetVersionRequest request;
  request.set_reference(reference);
  return call(&registry::v1::VersionService::Stub::GetVersion, request).version();
}

Watch Client::watch(registry::v1::WatchRequest request, std::function<std::int64_t()> relist) const {
  return Watch(*this, std::move(request), std::move(relist));
}

}  // namespace herdbook
