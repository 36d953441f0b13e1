// Metrics of a run, each point exactly once.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace herdbook {

class Client;

struct WriterOptions {
  // By which the server knows who writes, such as worker-3; the host's if empty. Each writer adds letters of its own, so that
  // two of one name do not disturb each other.
  std::string name;
  // Points that are committed together at most.
  std::size_t batch_points = 8192;
  // After which a batch is sent that is not full.
  std::chrono::milliseconds interval{100};
  // Points that may wait for the server; log waits while there are more.
  std::size_t buffer_points = 1'000'000;
  // How long the destructor waits for what is left.
  std::chrono::milliseconds patience = std::chrono::seconds(30);
};

// Streams metrics of a run: what the server has not committed when a connection is lost is sent again over the next, from the
// number that the server names. Safe for use by many threads.
class MetricWriter {
 public:
  MetricWriter(const Client& client, const std::string& run_id, WriterOptions options);
  // Closes it; what the server has not taken by then is lost, and said on standard error.
  ~MetricWriter();
  MetricWriter(const MetricWriter&) = delete;
  MetricWriter& operator=(const MetricWriter&) = delete;

  // Takes in what was measured at a step, now or at a time. Waits only while too much waits for the server. Throws the Error
  // for which the server takes no more of this writer.
  void log(std::int64_t step, const std::map<std::string, double>& metrics);
  void log(std::int64_t step, const std::map<std::string, double>& metrics, std::chrono::system_clock::time_point at);
  // Waits until all that was logged before is committed; false if it is not in time.
  bool flush(std::chrono::milliseconds patience);
  // Flushes and ends the writer.
  bool close(std::chrono::milliseconds patience);
  // Whether somebody asked the run to stop.
  bool stop_requested() const;
  // Streams that were opened so far: more than one after lost connections.
  int streams() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace herdbook
