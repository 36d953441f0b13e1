#include "patience.h"

#include <algorithm>
#include <random>
#include <thread>

namespace herdbook {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds kFirst{50}, kLongest{10'000};

std::mt19937_64& random() {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return generator;
}

}  // namespace

milliseconds pause_after(const Error& error, int attempt) {
  if (error.retry_after.count() > 0) return error.retry_after;
  const auto longest = std::min(kFirst * (1 << std::min(attempt, 16)), kLongest).count();
  return milliseconds(longest / 2 + std::uniform_int_distribution<long>(0, longest / 2)(random()));
}

grpc::Status described(const grpc::Status& status, const Error& error, const Config& config) {
  if (error.code != grpc::StatusCode::UNAVAILABLE || !error.reason.empty()) return status;
  auto message = "no Herdbook answers at " + config.url + "; start one there or set HERDBOOK_URL";
  if (config.url.rfind("https://", 0) == 0) {
    // gRPC 1.51 does not say that it was for the certificate that a handshake failed.
    message += "; if one is there, its certificate has to be signed by an authority in ";
    message += config.ca_file.empty() ? "the system's file, or in that of HERDBOOK_CA_FILE" : config.ca_file;
  }
  return {grpc::StatusCode::UNAVAILABLE, message + " (" + status.error_message() + ")"};
}

void persist(const Config& config, const std::function<grpc::Status(bool&)>& attempt) {
  auto until = steady_clock::now() + config.patience;
  for (int failures = 0;; failures++) {
    bool got_on = false;
    const grpc::Status status = attempt(got_on);
    if (status.ok()) return;
    const Error error(status);
    if (!error.passes()) throw error;
    if (got_on) {
      failures = 0;
      until = steady_clock::now() + config.patience;
    }
    const auto pause = pause_after(error, failures);
    if (steady_clock::now() + pause > until) throw Error(described(status, error, config));
    std::this_thread::sleep_for(pause);
  }
}

std::string random_name() {
  static constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyz234567";
  std::string name(26, ' ');
  std::random_device device;
  for (char& letter : name) letter = kLetters[device() % 32];
  return name;
}

}  // namespace herdbook
