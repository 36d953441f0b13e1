// Logs a run to the Herdbook of HERDBOOK_URL: params, metrics, a file.
#include <herdbook/client.h>
#include <herdbook/tracking/v1/run.grpc.pb.h>

#include <iostream>
#include <sstream>

int main() try {
  const herdbook::Client client;  // HERDBOOK_URL, HERDBOOK_TOKEN, HERDBOOK_WORKSPACE, HERDBOOK_CA_FILE
  herdbook::tracking::v1::CreateRunRequest request;
  (*request.mutable_params())["lr"] = "0.01";
  const auto run = client.call(&herdbook::tracking::v1::RunService::Stub::CreateRun, request).run();

  const auto writer = client.open_writer(run.id());
  for (int step = 0; step < 1000; step++) {
    writer->log(step, {{"loss", 1.0 / (step + 1)}});
  }
  if (!writer->close(std::chrono::seconds(30))) std::cerr << "not all points are at the server yet\n";

  std::istringstream weights("0.5 -0.25");
  const auto file = client.upload_artifact(run.id(), "model/weights.txt", weights);
  std::cout << "run " << run.id() << ", " << file.path() << ' ' << file.digest() << '\n';
} catch (const herdbook::Error& error) {
  std::cerr << error.what() << '\n';
  for (const auto& field : error.fields) std::cerr << "  " << field.field << ": " << field.description << '\n';
  return 1;
}
