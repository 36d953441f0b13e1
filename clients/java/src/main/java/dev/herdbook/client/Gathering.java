package dev.herdbook.client;

import dev.herdbook.tracking.v1.MetricBatch;
import dev.herdbook.tracking.v1.MetricTable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A batch that is being filled. */
final class Gathering {
  /** Columns of a batch, as the server limits them. */
  static final int COLUMNS = 10_000;

  /** Rows that have the same metrics. */
  private static final class Rows {
    private final List<String> keys;
    private final List<Long> steps = new ArrayList<>();
    private final List<Long> timesUs = new ArrayList<>();
    /** Row after row. */
    private final List<Double> values = new ArrayList<>();

    Rows(Iterable<String> names) {
      keys = new ArrayList<>();
      names.forEach(keys::add);
    }
  }

  /** Of all keys of the writer. */
  private final Map<String, Integer> numbers = new HashMap<>();
  private List<Rows> tables = new ArrayList<>();
  private int columns;
  private int points;

  int points() {
    return points;
  }

  boolean fits(int metrics, int limit) {
    return points == 0 || (points + metrics <= limit && columns + metrics <= COLUMNS);
  }

  void add(long step, long timeUs, Map<String, Double> metrics) {
    Rows table = tables.isEmpty() ? null : tables.get(tables.size() - 1);
    // The last table if it is of the same metrics: points of a metric stay in their order.
    if (table == null || table.keys.size() != metrics.size() || !metrics.keySet().containsAll(table.keys)) {
      table = new Rows(metrics.keySet());
      tables.add(table);
      columns += metrics.size();
    }
    table.steps.add(step);
    table.timesUs.add(timeUs);
    for (String key : table.keys) {
      table.values.add(metrics.get(key));
    }
    points += metrics.size();
  }

  /** The batch as it travels; the next one starts empty. It has its keys with it, so that it can be sent first on any stream. */
  MetricBatch take(long sequence) {
    MetricBatch.Builder batch = MetricBatch.newBuilder().setWriter(1).setSequence(sequence);
    for (Rows rows : tables) {
      MetricTable.Builder table =
          MetricTable.newBuilder()
              .setFirstStep(rows.steps.get(0))
              .addAllStepDeltas(deltas(rows.steps))
              .setFirstTimeUs(rows.timesUs.get(0))
              .addAllTimeDeltasUs(deltas(rows.timesUs));
      int width = rows.keys.size();
      for (int column = 0; column < width; column++) {
        String key = rows.keys.get(column);
        int number = numbers.computeIfAbsent(key, unknown -> numbers.size());
        batch.putKeys(number, key);
        table.addKeys(number);
        for (int row = 0; row < rows.steps.size(); row++) {
          table.addValues(rows.values.get(row * width + column));
        }
      }
      batch.addTables(table);
    }
    tables = new ArrayList<>();
    columns = 0;
    points = 0;
    return batch.build();
  }

  /** One alone if all are the same. */
  private static List<Long> deltas(List<Long> column) {
    List<Long> deltas = new ArrayList<>();
    for (int row = 1; row < column.size(); row++) {
      deltas.add(column.get(row) - column.get(row - 1));
    }
    return deltas.stream().distinct().count() == 1 ? deltas.subList(0, 1) : deltas;
  }
}
