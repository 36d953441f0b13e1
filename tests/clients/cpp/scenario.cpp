#include "scenario.h"

#include <herdbook/access/v1/access.grpc.pb.h>
#include <herdbook/lineage/v1/lineage.grpc.pb.h>
#include <herdbook/registry/v1/model.grpc.pb.h>
#include <herdbook/registry/v1/transition.grpc.pb.h>
#include <herdbook/registry/v1/version.grpc.pb.h>
#include <herdbook/tracking/v1/experiment.grpc.pb.h>
#include <herdbook/tracking/v1/metric.grpc.pb.h>
#include <herdbook/tracking/v1/run.grpc.pb.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "runner.h"

using namespace herdbook::access::v1;
using namespace herdbook::registry::v1;
using namespace herdbook::tracking::v1;

namespace {

constexpr int kArtifactBytes = 20'000'000;
constexpr std::uint64_t kPoints = 10'000;

}  // namespace

Scenario::Scenario() : name_(std::getenv("CONFORMANCE_NAME")) {}

std::vector<std::pair<std::string, Scenario::Step>> Scenario::steps() {
  return {
      {"connect", [this] { return connect(); }},
      {"tls", [this] { return tls(); }},
      {"create", [this] { return create(); }},
      {"stream", [this] { return log("loss", "cut"); }},
      {"params", [this] { return params(); }},
      {"artifact", [this] { return artifact(); }},
      {"curve", [this] { return curve(); }},
      {"search", [this] { return search(); }},
      {"register", [this] { return register_version(); }},
      {"refused", [this] { return refused(); }},
      {"granted", [this] { return granted(); }},
      {"watch", [this] { return watch(); }},
      {"lineage", [this] { return lineage(); }},
      {"restart", [this] { return log("val_loss", "restart"); }},
      {"deadline", [this] { return deadline(); }},
      {"too-large", [this] { return too_large(); }},
      {"newer", [this] { return newer(); }},
      {"older", [this] { return older(); }},
      {"delete", [this] { return delete_run(); }},
      {"token", [this] { return token(); }},
      {"nobody", [this] { return nobody(); }},
  };
}

std::string Scenario::connect() {
  const auto caller = client_.call(&AccessService::Stub::GetCaller, GetCallerRequest());
  unauthenticated("");
  return "as " + caller.principal();
}

std::string Scenario::create() {
  CreateExperimentRequest experiment;
  experiment.set_name(name_ + "-conformance");
  experiment_ = client_.call(&ExperimentService::Stub::CreateExperiment, experiment).experiment().id();
  CreateRunRequest run;
  run.set_experiment_id(experiment_);
  run.set_name("scenario");
  run_ = client_.call(&RunService::Stub::CreateRun, run).run().id();
  return "run " + run_;
}

std::string Scenario::params() {
  LogBatchRequest request;
  request.set_run_id(run_);
  (*request.mutable_params())["lr"] = "0.01";
  (*request.mutable_params())["optimizer"] = "sgd";
  client_.call(&RunService::Stub::LogBatch, request);
  GetRunRequest again;
  again.set_run_id(run_);
  const auto kept = client_.call(&RunService::Stub::GetRun, again).run().params();
  expect(kept.size() == 2 && kept.at("lr") == "0.01", std::to_string(kept.size()) + " params came back");
  return std::to_string(kept.size()) + " params";
}

std::string Scenario::artifact() {
  std::string content(kArtifactBytes, '\0');
  for (std::size_t i = 0; i < content.size(); i++) content[i] = static_cast<char>(i * 31 + i / 251);
  std::istringstream up(content);
  client_.upload_artifact(run_, "model/weights.bin", up);
  std::ostringstream down;
  const auto file = client_.download_artifact(run_, "model/weights.bin", down);
  expect(down.str() == content, "other bytes came back");
  return std::to_string(down.str().size()) + " bytes, " + file.digest().substr(0, 19);
}

std::string Scenario::curve() {
  GetCurvesRequest request;
  request.add_run_ids(run_);
  request.add_keys("loss");
  request.set_buckets(100);
  const auto answer = client_.call(&MetricService::Stub::GetCurves, request);
  expect(answer.curves_size() == 1, std::to_string(answer.curves_size()) + " curves");
  std::uint64_t sum = 0;
  for (const auto count : answer.curves(0).count()) sum += count;
  const auto buckets = answer.curves(0).count_size();
  expect(buckets <= 100 && sum == kPoints, std::to_string(buckets) + " buckets, " + std::to_string(sum) + " points");
  return std::to_string(buckets) + " buckets";
}

std::string Scenario::search() {
  SearchRunsRequest request;
  request.add_experiment_ids(experiment_);
  request.set_filter("params.lr = '0.01' and metrics.loss > 1");
  const auto found = client_.call(&RunService::Stub::SearchRuns, request);
  expect(found.runs_size() == 1 && found.runs(0).id() == run_, std::to_string(found.runs_size()) + " runs found");
  return "1 run";
}

std::string Scenario::register_version() {
  model_ = name_ + "-model";
  accuracy(0.8, 0);
  CreateModelRequest model;
  model.set_name(model_);
  client_.call(&ModelService::Stub::CreateModel, model);
  GetPolicyRequest get;
  get.set_model(model_);
  SetPolicyRequest set;
  set.set_model(model_);
  *set.mutable_policy() = client_.call(&ModelService::Stub::GetPolicy, get).policy();
  for (auto& move : *set.mutable_policy()->mutable_moves()) {
    if (move.to() != "Production") continue;
    auto* rule = move.add_rules();
    rule->set_name("accurate-enough");
    rule->mutable_metric_threshold()->set_metric("accuracy");
    rule->mutable_metric_threshold()->set_comparison(COMPARISON_AT_LEAST);
    rule->mutable_metric_threshold()->set_threshold(0.9);
  }
  client_.call(&ModelService::Stub::SetPolicy, set);
  CreateVersionRequest create;
  create.set_model(model_);
  create.set_source("runs:/" + run_ + "/model");
  version_ = client_.call(&VersionService::Stub::CreateVersion, create).version();
  expect(version_.files_size() == 1 && version_.files(0).size() == kArtifactBytes, version_.ShortDebugString());
  return model_ + "/" + std::to_string(version_.number());
}

std::string Scenario::refused() {
  try {
    promote();
  } catch (const herdbook::Error& error) {
    expect(error.code == grpc::FAILED_PRECONDITION && error.failures.size() == 1, std::string("refused by ") + error.what());
    const auto& rule = error.failures[0];
    expect(rule.description.find("accurate-enough") != std::string::npos, rule.description);
    return rule.description;
  }
  throw std::runtime_error("it was not refused");
}

std::string Scenario::granted() {
  accuracy(0.95, 1);
  const auto outcome = promote();
  expect(outcome == OUTCOME_ALLOWED, "outcome " + Outcome_Name(outcome));
  const auto reference = model_ + "@Production";
  const auto found = client_.resolve(reference);
  const auto detail = reference + " is version " + std::to_string(found.number());
  expect(found.number() == version_.number(), detail);
  return detail;
}

std::string Scenario::watch() {
  int relisted = 0;
  WatchRequest request;
  request.set_model(model_);
  request.set_after_revision(1'000'000'000'000);
  auto watch = client_.watch(request, [&] {
    relisted++;
    return version_.revision();
  });
  const auto first = watch.next();
  expect(first && first->decision().outcome() == OUTCOME_REFUSED, "first " + first->ShortDebugString());
  ask("drop");
  SetAliasRequest alias;
  alias.set_model(model_);
  alias.set_alias("champion");
  alias.set_version(version_.number());
  client_.call(&ModelService::Stub::SetAlias, alias);
  const auto second = watch.next();
  expect(second && second->decision().outcome() == OUTCOME_ALLOWED, "second " + second->ShortDebugString());
  const auto third = watch.next();
  expect(third && third->action() == AUDIT_ACTION_SET_ALIAS && relisted == 1, "third " + third->ShortDebugString());
  return "3 events, each once; listed again 1 time";
}

std::string Scenario::lineage() {
  ask("lineage");
  herdbook::lineage::v1::GetAncestorsRequest request;
  request.set_node("model_version:" + model_ + "@" + std::to_string(version_.number()));
  const auto nodes = client_.call(&herdbook::lineage::v1::LineageService::Stub::GetAncestors, request).graph().nodes();
  const auto is_run = [this](const auto& found) {
    return found.node().key().kind() == "run" && found.node().key().name() == run_;
  };
  expect(std::any_of(nodes.begin(), nodes.end(), is_run), "its run is not among " + std::to_string(nodes.size()) + " nodes");
  return std::to_string(nodes.size()) + " nodes";
}

std::string Scenario::delete_run() {
  DeleteRunRequest request;
  request.set_run_id(run_);
  client_.call(&RunService::Stub::DeleteRun, request);
  GetRunRequest again;
  again.set_run_id(run_);
  const auto lifecycle = client_.call(&RunService::Stub::GetRun, again).run().lifecycle();
  expect(lifecycle == herdbook::common::v1::LIFECYCLE_DELETED, "lifecycle " + std::to_string(lifecycle));
  return "deleted";
}

void Scenario::accuracy(double value, std::int64_t step) {
  LogBatchRequest request;
  request.set_run_id(run_);
  auto* point = request.add_metrics();
  point->set_key("accuracy");
  point->set_value(value);
  point->set_step(step);
  client_.call(&RunService::Stub::LogBatch, request);
}

Outcome Scenario::promote() {
  TransitionVersionRequest request;
  request.set_model(model_);
  request.set_version(version_.number());
  request.set_to("Production");
  return client_.call(&TransitionService::Stub::TransitionVersion, request).decision().outcome();
}
