#include "gathering.h"

#include "check.h"

using herdbook::Gathering;

static void columns_go_one_after_another_and_regular_steps_fold() {
  Gathering gathering;
  for (std::int64_t step = 0; step < 3; step++) gathering.add(step * 2, 7, {{"b", double(step)}, {"a", -double(step)}});
  const auto batch = gathering.take(5);
  CHECK(batch.sequence() == 5);
  CHECK(batch.tables_size() == 1);
  const auto& table = batch.tables(0);
  const std::vector<double> values(table.values().begin(), table.values().end());
  CHECK((values == std::vector<double>{0, -1, -2, 0, 1, 2}));
  CHECK(table.step_deltas_size() == 1 && table.step_deltas(0) == 2);
  CHECK(batch.keys().at(table.keys(0)) == "a" && batch.keys().at(table.keys(1)) == "b");
  CHECK(gathering.points() == 0);
}

static void irregular_steps_stay_and_numbers_last_from_batch_to_batch() {
  Gathering gathering;
  for (const std::int64_t step : {0, 1, 5}) gathering.add(step, 0, {{"loss", 1}});
  const auto first = gathering.take(1);
  CHECK(first.tables(0).step_deltas_size() == 2 && first.tables(0).step_deltas(1) == 4);
  gathering.add(6, 0, {{"accuracy", 1}});
  gathering.add(6, 0, {{"loss", 1}});
  const auto second = gathering.take(2);
  CHECK(second.tables_size() == 2);
  CHECK(second.tables(1).keys(0) == first.tables(0).keys(0));
  CHECK(second.tables(0).keys(0) != first.tables(0).keys(0));
  CHECK(second.keys().at(second.tables(1).keys(0)) == "loss");
}

static void a_batch_has_a_limit_of_points_and_of_columns() {
  Gathering gathering;
  CHECK(gathering.fits(20'000, 100));  // One call alone always does.
  gathering.add(0, 0, {{"a", 1}, {"b", 2}});
  CHECK(gathering.fits(98, 100));
  CHECK(!gathering.fits(99, 100));
  CHECK(!gathering.fits(herdbook::kBatchColumns, 1'000'000));
}

void test_gathering() {
  columns_go_one_after_another_and_regular_steps_fold();
  irregular_steps_stay_and_numbers_last_from_batch_to_batch();
  a_batch_has_a_limit_of_points_and_of_columns();
}
