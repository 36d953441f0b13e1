#include "gathering.h"

#include <algorithm>

namespace herdbook {

namespace {

// Differences of a column; one alone if all are the same.
template <class Field>
void set_deltas(const std::vector<std::int64_t>& column, Field* deltas) {
  for (std::size_t row = 1; row < column.size(); row++) deltas->Add(column[row] - column[row - 1]);
  const auto differs = [&](std::int64_t delta) { return delta != deltas->Get(0); };
  if (deltas->size() > 1 && std::none_of(deltas->begin(), deltas->end(), differs)) deltas->Truncate(1);
}

}  // namespace

void Gathering::add(std::int64_t step, std::int64_t time_us, const std::map<std::string, double>& metrics) {
  Rows& table = rows(metrics);
  table.steps.push_back(step);
  table.times.push_back(time_us);
  for (const auto& metric : metrics) table.values.push_back(metric.second);
  points_ += metrics.size();
}

Gathering::Rows& Gathering::rows(const std::map<std::string, double>& metrics) {
  const auto same = [](const std::string& key, const auto& metric) { return key == metric.first; };
  if (!tables_.empty()) {
    const auto& keys = tables_.back().keys;
    if (std::equal(keys.begin(), keys.end(), metrics.begin(), metrics.end(), same)) return tables_.back();
  }
  Rows& table = tables_.emplace_back();
  for (const auto& metric : metrics) table.keys.push_back(metric.first);
  columns_ += metrics.size();
  return table;
}

tracking::v1::MetricBatch Gathering::take(std::uint64_t sequence) {
  tracking::v1::MetricBatch batch;
  batch.set_writer(1);
  batch.set_sequence(sequence);
  for (const Rows& rows : tables_) {
    auto* table = batch.add_tables();
    table->set_first_step(rows.steps.front());
    set_deltas(rows.steps, table->mutable_step_deltas());
    table->set_first_time_us(rows.times.front());
    set_deltas(rows.times, table->mutable_time_deltas_us());
    const std::size_t width = rows.keys.size();
    for (std::size_t column = 0; column < width; column++) {
      const auto number = numbers_.try_emplace(rows.keys[column], static_cast<std::uint32_t>(numbers_.size())).first->second;
      (*batch.mutable_keys())[number] = rows.keys[column];
      table->add_keys(number);
      for (std::size_t row = 0; row < rows.steps.size(); row++) table->add_values(rows.values[row * width + column]);
    }
  }
  tables_.clear();
  columns_ = points_ = 0;
  return batch;
}

}  // namespace herdbook
