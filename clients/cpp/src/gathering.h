// A batch of metrics that is being filled.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "herdbook/tracking/v1/metric.pb.h"

namespace herdbook {

// Columns of a batch, as the server limits them.
constexpr std::size_t kBatchColumns = 10'000;

class Gathering {
 public:
  bool fits(std::size_t metrics, std::size_t points) const {
    return points_ == 0 || (points_ + metrics <= points && columns_ + metrics <= kBatchColumns);
  }
  void add(std::int64_t step, std::int64_t time_us, const std::map<std::string, double>& metrics);
  std::size_t points() const { return points_; }
  // The batch as it travels; the next one starts empty. It has its keys with it, so that it can be sent first on any stream.
  tracking::v1::MetricBatch take(std::uint64_t sequence);

 private:
  // Rows that have the same metrics.
  struct Rows {
    std::vector<std::string> keys;
    std::vector<std::int64_t> steps, times;
    std::vector<double> values;  // Row after row.
  };
  // The last one if it is of the same metrics: points of a metric stay in their order.
  Rows& rows(const std::map<std::string, double>& metrics);

  std::map<std::string, std::uint32_t> numbers_;  // Of all keys of the writer.
  std::vector<Rows> tables_;
  std::size_t columns_ = 0, points_ = 0;
};

}  // namespace herdbook
