#include "herdbook/error.h"

#include "check.h"
#include "herdbook/client.h"
#include "herdbook_client/details.pb.h"
#include "patience.h"

using namespace std::chrono_literals;

template <class Detail>
static void add(herdbook_client::Status& status, const std::string& name, const Detail& detail) {
  auto* any = status.add_details();
  any->set_type_url("type.googleapis.com/google.rpc." + name);
  any->set_value(detail.SerializeAsString());
}

static void details_are_read_and_unknown_ones_passed_over() {
  herdbook_client::Status status;
  herdbook_client::ErrorInfo info;
  info.set_reason("TRANSITION_REFUSED");
  (*info.mutable_metadata())["revision"] = "7";
  add(status, "ErrorInfo", info);
  add(status, "Help", info);
  herdbook_client::PreconditionFailure refused;
  auto* rule = refused.add_violations();
  rule->set_type("RULE");
  rule->set_subject("fraud/3");
  rule->set_description("train longer");
  add(status, "PreconditionFailure", refused);
  herdbook_client::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(250'000'000);
  add(status, "RetryInfo", retry);
  const herdbook::Error error(grpc::Status(grpc::FAILED_PRECONDITION, "refused", status.SerializeAsString()));
  CHECK(error.reason == "TRANSITION_REFUSED" && error.metadata.at("revision") == "7");
  CHECK(error.failures.size() == 1 && error.failures[0].version == "fraud/3");
  CHECK(error.retry_after == 250ms && error.passes());
  CHECK(herdbook::pause_after(error, 5) == 250ms);
}

static void waits_grow_to_their_limit() {
  const herdbook::Error away(grpc::Status(grpc::UNAVAILABLE, "away"));
  CHECK(away.passes());
  CHECK(herdbook::pause_after(away, 0) >= 25ms && herdbook::pause_after(away, 0) <= 50ms);
  CHECK(herdbook::pause_after(away, 60) >= 5s && herdbook::pause_after(away, 60) <= 10s);
  CHECK(!herdbook::Error(grpc::Status(grpc::NOT_FOUND, "no")).passes());
}

static void addresses_that_cannot_be_are_refused() {
  for (const char* url : {"127.0.0.1:5757", "ftp://x", "http://", "http://host/path"}) {
    herdbook::Config config;
    config.url = url;
    bool refused = false;
    try {
      herdbook::Client client(config);
    } catch (const std::invalid_argument& error) {
      refused = std::string(error.what()).find(url) != std::string::npos;
    }
    CHECK(refused);
  }
}

void test_errors() {
  details_are_read_and_unknown_ones_passed_over();
  waits_grow_to_their_limit();
  addresses_that_cannot_be_are_refused();
}
