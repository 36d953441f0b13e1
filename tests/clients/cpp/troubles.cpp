// The bad days: lost connections and servers, deadlines, strangers.
#include <herdbook/access/v1/access.grpc.pb.h>
#include <herdbook/tracking/v1/experiment.grpc.pb.h>
#include <herdbook/tracking/v1/metric.grpc.pb.h>
#include <herdbook/tracking/v1/run.grpc.pb.h>

#include <algorithm>
#include <cstdlib>

#include "runner.h"
#include "scenario.h"

using namespace herdbook::access::v1;
using namespace herdbook::tracking::v1;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr std::int64_t kPoints = 10'000;

// What a call says that has to fail with this code.
template <class Call>
std::string failing(grpc::StatusCode code, const Call& call) {
  try {
    call();
  } catch (const herdbook::Error& error) {
    expect(error.code == code, "code " + std::to_string(code) + " expected, not " + std::to_string(error.code) + ": " + error.what());
    return error.what();
  }
  throw std::runtime_error("it did not fail");
}

GetRunRequest get(const std::string& run) {
  GetRunRequest request;
  request.set_run_id(run);
  return request;
}

}  // namespace

herdbook::Client future() {
  herdbook::Config config;
  config.url = std::getenv("CONFORMANCE_FUTURE");
  return herdbook::Client(config);
}

void unauthenticated(const std::string& token) {
  auto config = herdbook::Config::from_env();
  config.token = token;
  const herdbook::Client stranger(config);
  failing(grpc::UNAUTHENTICATED, [&] { stranger.call(&AccessService::Stub::GetCaller, GetCallerRequest()); });
}

std::string Scenario::tls() {
  const auto call = [](const char* authority) {
    auto config = herdbook::Config::from_env();
    config.url = std::getenv("CONFORMANCE_TLS");
    config.ca_file = std::getenv(authority);
    config.patience = 1s;
    return herdbook::Client(config).call(&AccessService::Stub::GetCaller, GetCallerRequest()).principal();
  };
  const auto principal = call("CONFORMANCE_AUTHORITY");
  const auto said = failing(grpc::UNAVAILABLE, [&] { call("CONFORMANCE_STRANGER"); });
  expect(said.find("certificate") != std::string::npos, said);
  return "as " + principal + "; " + said;
}

std::string Scenario::log(const std::string& key, const std::string& trouble) {
  herdbook::WriterOptions options;
  options.name = "conformance";
  options.batch_points = 500;
  const auto writer = client_.open_writer(run_, options);
  for (std::int64_t step = 0; step < kPoints; step++) {
    if (step == kPoints / 2) {
      // The first half is on its way; the second meets the trouble.
      expect(writer->flush(1min), "the first half was not committed");
      ask(trouble);
    }
    writer->log(step, {{key, static_cast<double>(step) * 0.5}});
  }
  expect(writer->close(1min), "the second half was not committed");

  ReadMetricsRequest request;
  request.set_run_id(run_);
  request.add_keys(key);
  grpc::ClientContext context;
  client_.prepare(context);
  MetricService::Stub stub(client_.channel());
  const auto parts = stub.ReadMetrics(&context, request);
  std::vector<bool> seen(kPoints);
  double sum = 0;
  std::int64_t count = 0;
  ReadMetricsResponse part;
  while (parts->Read(&part)) {
    for (int row = 0; row < part.steps_size(); row++) {
      seen.at(static_cast<std::size_t>(part.steps(row))) = true;
      sum += part.values(row);
      count++;
    }
  }
  expect(parts->Finish().ok(), "the points cannot be read");
  const auto points = std::to_string(count) + " points";
  const bool all = std::all_of(seen.begin(), seen.end(), [](bool one) { return one; });
  expect(all && count == kPoints && sum == static_cast<double>(kPoints * (kPoints - 1) / 4), points + ", their sum is " + std::to_string(sum));
  expect(writer->streams() > 1, "the connection was never lost");
  return points + " over " + std::to_string(writer->streams()) + " streams";
}

std::string Scenario::deadline() {
  const auto server = future();
  const auto began = steady_clock::now();
  failing(grpc::DEADLINE_EXCEEDED, [&] { server.call(&RunService::Stub::SearchRuns, SearchRunsRequest(), 300ms); });
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - began);
  return "after " + std::to_string(waited.count()) + " ms";
}

std::string Scenario::too_large() {
  LogBatchRequest request;
  request.set_run_id(run_);
  for (int i = 0; i < 2500; i++) (*request.mutable_tags())["tag-" + std::to_string(i)] = std::string(8000, 'x');
  return failing(grpc::OUT_OF_RANGE, [&] { client_.call(&RunService::Stub::LogBatch, request); });
}

std::string Scenario::newer() {
  const auto server = future();
  const auto run = server.call(&RunService::Stub::GetRun, get(run_)).run();
  expect(run.id() == run_ && run.status() == 77, run.ShortDebugString());
  UpdateRunRequest request;
  *request.mutable_run() = run;
  const auto said = server.call(&RunService::Stub::UpdateRun, request).run().description();
  expect(said == "kept", "what was not known was " + said);
  return said;
}

std::string Scenario::older() {
  const auto server = future();
  return failing(grpc::UNIMPLEMENTED, [&] {
    server.call(&ExperimentService::Stub::ListExperiments, ListExperimentsRequest());
  });
}

std::string Scenario::token() {
  const auto answer = ask("token");
  unauthenticated(std::getenv("HERDBOOK_TOKEN"));
  unauthenticated(answer.at("expired"));
  return "both refused";
}

std::string Scenario::nobody() {
  herdbook::Config config;
  config.url = std::getenv("CONFORMANCE_NOWHERE");
  config.patience = 1s;
  const herdbook::Client nowhere(config);
  const auto began = steady_clock::now();
  const auto said = failing(grpc::UNAVAILABLE, [&] { nowhere.call(&RunService::Stub::GetRun, get(run_)); });
  expect(steady_clock::now() - began < 5s && said.find(config.url) != std::string::npos, said);
  return said;
}
