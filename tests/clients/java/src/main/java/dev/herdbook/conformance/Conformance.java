package dev.herdbook.conformance;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** The conformance scenario with the Java client; tests/clients/conformance runs it. */
public final class Conformance {
  private static final BufferedReader ANSWERS =
      new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

  /** A step: what it has to tell when it passed. */
  interface Step {
    String run() throws Exception;
  }

  private Conformance() {}

  /** Has the runner do something to the server or the network. */
  static JsonObject ask(String what) throws IOException {
    JsonObject question = new JsonObject();
    question.addProperty("ask", what);
    System.out.println(question);
    return JsonParser.parseString(ANSWERS.readLine()).getAsJsonObject();
  }

  /** Runs the steps up to the first that fails. */
  public static void main(String[] arguments) throws IOException {
    try (Scenario scenario = new Scenario()) {
      for (Map.Entry<String, Step> step : scenario.steps().entrySet()) {
        long started = System.nanoTime();
        JsonObject line = new JsonObject();
        line.addProperty("step", step.getKey());
        boolean passed = true;
        try {
          line.addProperty("detail", step.getValue().run());
        } catch (Exception | AssertionError failed) {
          passed = false;
          line.addProperty("detail", failed.toString());
        }
        line.addProperty("passed", passed);
        line.addProperty("seconds", (System.nanoTime() - started) / 1e9);
        System.out.println(line);
        if (!passed) {
          System.exit(1);
        }
      }
    }
  }
}
