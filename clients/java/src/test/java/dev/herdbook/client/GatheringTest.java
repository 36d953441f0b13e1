package dev.herdbook.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class GatheringTest {
  @Test
  void columnsGoOneAfterAnotherAndRegularStepsFold() {
    Gathering gathering = new Gathering();
    for (long step = 0; step < 3; step++) {
      gathering.add(step * 2, 7, new TreeMap<>(Map.of("a", -1.0 * step, "b", 1.0 * step)));
    }
    var table = gathering.take(5).getTables(0);
    assertEquals(List.of(-0.0, -1.0, -2.0, 0.0, 1.0, 2.0), table.getValuesList());
    assertEquals(List.of(2L), table.getStepDeltasList());
  }

  @Test
  void irregularStepsStayAndNumbersLastFromBatchToBatch() {
    Gathering gathering = new Gathering();
    for (long step : new long[] {0, 1, 5}) {
      gathering.add(step, 0, Map.of("loss", 1.0));
    }
    assertEquals(List.of(1L, 4L), gathering.take(1).getTables(0).getStepDeltasList());
    gathering.add(6, 0, Map.of("accuracy", 1.0));
    gathering.add(6, 0, Map.of("loss", 1.0));
    var second = gathering.take(2);
    assertEquals(List.of(1), second.getTables(0).getKeysList());
    assertEquals(Map.of(0, "loss", 1, "accuracy"), second.getKeysMap());
  }
}
