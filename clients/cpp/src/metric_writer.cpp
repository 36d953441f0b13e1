#include "herdbook/metric_writer.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <iostream>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "gathering.h"
#include "herdbook/client.h"
#include "herdbook/tracking/v1/metric.grpc.pb.h"
#include "patience.h"

namespace herdbook {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;
using tracking::v1::LogMetricsRequest;
using tracking::v1::LogMetricsResponse;
using tracking::v1::MetricBatch;

namespace {

// Failures in a row, each of which may be a defect of the server, after which it is taken for one.
constexpr int kDoubtful = 12;

std::int64_t now_us(system_clock::time_point at) {
  return std::chrono::duration_cast<microseconds>(at.time_since_epoch()).count();
}

std::string host() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "cpp";
}

}  // namespace

struct MetricWriter::State {
  using Lock = std::unique_lock<std::mutex>;
  using Call = grpc::ClientReaderWriter<LogMetricsRequest, LogMetricsResponse>;

  const Client& client;
  WriterOptions options;
  LogMetricsRequest opening;
  std::thread sender;

  std::mutex mutex;
  std::condition_variable changed;
  // All below under the mutex.
  Gathering gathering;
  std::deque<MetricBatch> pending;  // Not committed.
  std::size_t sent = 0;             // How many of them were sent on this stream.
  std::uint64_t next = 1;           // Number of the next batch.
  std::size_t points = 0;           // That wait, gathered or pending.
  steady_clock::time_point gather_at;
  grpc::ClientContext* context = nullptr;  // Of the stream that stands, to cancel it.
  bool ended = false;                      // Whether that stream has ended.
  int opened = 0;
  bool stop = false, closed = false;
  std::optional<Error> failed;

  State(const Client& client, const std::string& run_id, WriterOptions given) : client(client), options(std::move(given)) {
    auto* open = opening.mutable_open();
    open->set_writer(1);
    open->set_run_id(run_id);
    open->set_writer_id((options.name.empty() ? host() : options.name) + "-" + random_name());
    open->set_epoch(static_cast<std::uint64_t>(now_us(system_clock::now())));
    sender = std::thread([this] { work(); });
  }

  // Gives what was gathered a number.
  void gather() {
    if (gathering.points() == 0) return;
    pending.push_back(gathering.take(next++));
    changed.notify_all();
  }

  bool flush(Lock& lock, milliseconds patience) {
    gather();
    const auto target = next;
    const auto done = [&] { return failed || pending.empty() || pending.front().sequence() >= target; };
    const bool in_time = changed.wait_for(lock, patience, done);
    if (failed) throw *failed;
    return in_time;
  }

  void end() {
    {
      const Lock lock(mutex);
      closed = true;
      if (context != nullptr) context->TryCancel();
      changed.notify_all();
    }
    if (sender.joinable()) sender.join();
  }

  // Holds a stream, for as long as the writer is open.
  void work() {
    int failures = 0, doubts = 0;
    Lock lock(mutex);
    while (!closed) {
      const auto before = committed();
      lock.unlock();
      const grpc::Status status = stream();
      lock.lock();
      if (committed() > before) failures = doubts = 0;
      switch (status.error_code()) {
        case grpc::OK:
        case grpc::UNAVAILABLE:
        case grpc::CANCELLED:
        case grpc::DEADLINE_EXCEEDED:
          break;
        case grpc::INTERNAL:
        case grpc::UNKNOWN:
        case grpc::RESOURCE_EXHAUSTED:
        case grpc::DATA_LOSS:
          doubts++;
          break;
        default:
          doubts = kDoubtful + 1;
      }
      const Error error(status);
      if (doubts > kDoubtful) {
        failed = error;
        changed.notify_all();
        return;
      }
      changed.wait_for(lock, pause_after(error, failures++), [this] { return closed; });
    }
  }

  // Sends what waits over one stream until it ends.
  grpc::Status stream() {
    grpc::ClientContext own;
    client.prepare(own);
    tracking::v1::MetricService::Stub stub(client.channel());
    const auto call = stub.LogMetrics(&own);
    {
      const Lock lock(mutex);
      context = &own;
      ended = closed;
      if (closed) own.TryCancel();
    }
    // The first answer says from where on to send.
    LogMetricsResponse answer;
    std::optional<grpc::Status> refused;
    bool stands = call->Write(opening) && call->Read(&answer);
    if (stands) refused = hear(answer);
    if (stands && !refused) {
      std::thread ear([&] {
        LogMetricsResponse heard;
        while (!refused && call->Read(&heard)) refused = hear(heard);
        const Lock lock(mutex);
        ended = true;
        changed.notify_all();
      });
      send(*call);
      own.TryCancel();
      ear.join();
    } else {
      own.TryCancel();
    }
    const grpc::Status status = call->Finish();
    const Lock lock(mutex);
    context = nullptr;
    return refused ? *refused : status;
  }

  // Sends batches until the stream ends or the writer is closed.
  void send(Call& call) {
    LogMetricsRequest request;
    Lock lock(mutex);
    while (!ended && !closed) {
      const auto now = steady_clock::now();
      if (gathering.points() > 0 && now >= gather_at) gather();
      if (sent < pending.size()) {
        *request.mutable_batch() = pending[sent++];
        lock.unlock();
        const bool stands = call.Write(request);
        lock.lock();
        if (!stands) return;
      } else if (gathering.points() > 0) {
        changed.wait_until(lock, gather_at);
      } else {
        changed.wait(lock);
      }
    }
  }

  // Takes in an answer; says why if the writer is refused.
  std::optional<grpc::Status> hear(const LogMetricsResponse& answer) {
    const Lock lock(mutex);
    switch (answer.message_case()) {
      case LogMetricsResponse::kOpened:
        opened++;
        stop = answer.opened().stop_requested();
        commit(answer.opened().sequence());
        sent = 0;
        fill(answer.opened().sequence() + 1);
        break;
      case LogMetricsResponse::kCommitted:
        stop = answer.committed().stop_requested();
        commit(answer.committed().sequence());
        break;
      case LogMetricsResponse::kRefused: {
        const auto& refused = answer.refused();
        return grpc::Status(static_cast<grpc::StatusCode>(refused.code()), refused.reason() + ": " + refused.message());
      }
      default:
        break;
    }
    changed.notify_all();
    return std::nullopt;
  }

  std::uint64_t committed() const { return next - 1 - pending.size(); }

  void commit(std::uint64_t sequence) {
    while (!pending.empty() && pending.front().sequence() <= sequence) {
      for (const auto& table : pending.front().tables()) points -= static_cast<std::size_t>(table.values_size());
      pending.pop_front();
      if (sent > 0) sent--;
    }
  }

  // Puts empty batches where a server that was put back in time has none, so that those behind it can follow.
  void fill(std::uint64_t expected) {
    const auto first = pending.empty() ? next : pending.front().sequence();
    for (auto missing = first; missing > expected; missing--) {
      MetricBatch empty;
      empty.set_writer(1);
      empty.set_sequence(missing - 1);
      pending.push_front(std::move(empty));
    }
  }
};

MetricWriter::MetricWriter(const Client& client, const std::string& run_id, WriterOptions options)
    : state_(std::make_unique<State>(client, run_id, std::move(options))) {}

MetricWriter::~MetricWriter() {
  try {
    if (!close(state_->options.patience)) std::cerr << "herdbook: " << state_->points << " points were not taken in time\n";
  } catch (const Error& error) {
    std::cerr << "herdbook: the server refuses the points: " << error.what() << '\n';
  }
  state_->end();
}

void MetricWriter::log(std::int64_t step, const std::map<std::string, double>& metrics) {
  log(step, metrics, system_clock::now());
}

void MetricWriter::log(std::int64_t step, const std::map<std::string, double>& metrics, system_clock::time_point at) {
  if (metrics.empty()) return;
  if (metrics.size() > kBatchColumns) {
    throw std::invalid_argument(std::to_string(metrics.size()) + " metrics in one call; log them in parts of at most " +
                                std::to_string(kBatchColumns));
  }
  State& state = *state_;
  State::Lock lock(state.mutex);
  while (!state.failed && !state.closed && state.points >= state.options.buffer_points) {
    state.gather();
    state.changed.wait(lock);
  }
  if (state.failed) throw *state.failed;
  if (state.closed) throw std::logic_error("the writer is closed; open another to log more");
  if (!state.gathering.fits(metrics.size(), state.options.batch_points)) state.gather();
  if (state.gathering.points() == 0) {
    state.gather_at = steady_clock::now() + state.options.interval;
    state.changed.notify_all();
  }
  state.gathering.add(step, now_us(at), metrics);
  state.points += metrics.size();
}

bool MetricWriter::flush(milliseconds patience) {
  State::Lock lock(state_->mutex);
  return state_->flush(lock, patience);
}

bool MetricWriter::close(milliseconds patience) {
  {
    const State::Lock lock(state_->mutex);
    if (state_->closed) return true;
  }
  const bool in_time = flush(patience);
  state_->end();
  return in_time;
}

bool MetricWriter::stop_requested() const {
  const State::Lock lock(state_->mutex);
  return state_->stop;
}

int MetricWriter::streams() const {
  const State::Lock lock(state_->mutex);
  return state_->opened;
}

}  // namespace herdbook
