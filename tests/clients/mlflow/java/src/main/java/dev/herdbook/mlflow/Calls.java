package dev.herdbook.mlflow;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.mlflow.api.proto.ModelRegistry.ModelVersion;
import org.mlflow.api.proto.Service.Experiment;
import org.mlflow.api.proto.Service.FileInfo;
import org.mlflow.api.proto.Service.Metric;
import org.mlflow.api.proto.Service.Param;
import org.mlflow.api.proto.Service.Run;
import org.mlflow.api.proto.Service.RunInfo;
import org.mlflow.api.proto.Service.RunStatus;
import org.mlflow.api.proto.Service.RunTag;
import org.mlflow.api.proto.Service.ViewType;
import org.mlflow.tracking.ActiveRun;
import org.mlflow.tracking.MlflowClient;
import org.mlflow.tracking.MlflowClientException;
import org.mlflow.tracking.MlflowContext;
import org.mlflow.tracking.MlflowHttpException;
import org.mlflow.tracking.RunsPage;
import org.mlflow.tracking.creds.BasicMlflowHostCreds;

/**
 * What MLflow's Java client does, against the server of {@code MLFLOW_TRACKING_URI}, with the token of {@code
 * MLFLOW_TRACKING_TOKEN} if there is one. Ends with 0 if every answer is as MLflow's own server gives it.
 */
public final class Calls {
  private static final long MORNING = 1_700_000_000_000L;

  private final MlflowClient client = client();
  private final String mark = "-" + System.nanoTime();

  private Calls() {}

  public static void main(String[] arguments) throws Exception {
    Calls calls = new Calls();
    calls.experiments();
    calls.runs();
    calls.pages();
    calls.fluently();
    calls.files();
    calls.registry();
    calls.refusals();
    System.out.println("7 passed, 0 failed");
  }

  /** By itself this client takes the address from the environment, and no token. */
  private static MlflowClient client() {
    String token = System.getenv("MLFLOW_TRACKING_TOKEN");
    return token == null
        ? new MlflowClient()
        : new MlflowClient(new BasicMlflowHostCreds(System.getenv("MLFLOW_TRACKING_URI"), token));
  }

  private static void same(Object expected, Object found) {
    if (!Objects.equals(expected, found)) {
      throw new AssertionError("expected " + expected + ", found " + found);
    }
  }

  private void experiments() {
    String name = "java" + mark;
    String id = client.createExperiment(name);
    same(id, client.getExperimentByName(name).orElseThrow().getExperimentId());
    same("active", client.getExperiment(id).getLifecycleStage());
    client.setExperimentTag(id, "team", "risk");
    client.renameExperiment(id, name + "-renamed");
    Experiment renamed = client.getExperiment(id);
    same(name + "-renamed", renamed.getName());
    same("risk", renamed.getTags(0).getValue());
    same(List.of(id), client.searchExperiments("name = '" + name + "-renamed'").getItems().stream()
        .map(Experiment::getExperimentId).collect(Collectors.toList()));
    client.deleteExperiment(id);
    same("deleted", client.getExperiment(id).getLifecycleStage());
    client.restoreExperiment(id);
    same("active", client.getExperiment(id).getLifecycleStage());
    same(false, client.getExperimentByName("none" + mark).isPresent());
  }

  private void runs() {
    String experiment = client.createExperiment("java runs" + mark);
    RunInfo made = client.createRun(experiment);
    String id = made.getRunId();
    same(experiment, made.getExperimentId());
    client.logParam(id, "lr", "0.1");
    client.logMetric(id, "loss", 0.5);
    List<Metric> metrics = IntStream.range(0, 100)
        .mapToObj(step -> Metric.newBuilder().setKey("acc").setValue(step / 100.0).setTimestamp(MORNING + step)
            .setStep(step).build())
        .collect(Collectors.toList());
    client.logBatch(id, metrics, List.of(Param.newBuilder().setKey("layers").setValue("3").build()),
        List.of(RunTag.newBuilder().setKey("team").setValue("risk").build()));
    client.setTag(id, "note", "x");
    client.deleteTag(id, "note");
    client.setTerminated(id, RunStatus.FINISHED, MORNING + 1000);
    Run run = client.getRun(id);
    same(RunStatus.FINISHED, run.getInfo().getStatus());
    same(MORNING + 1000, run.getInfo().getEndTime());
    same(Map.of("lr", "0.1", "layers", "3"), run.getData().getParamsList().stream()
        .collect(Collectors.toMap(Param::getKey, Param::getValue)));
    same(Map.of("loss", 0.5, "acc", 0.99), run.getData().getMetricsList().stream()
        .collect(Collectors.toMap(Metric::getKey, Metric::getValue)));
    same(true, run.getData().getTagsList().stream().anyMatch(tag -> tag.getKey().equals("team")));
    same(false, run.getData().getTagsList().stream().anyMatch(tag -> tag.getKey().equals("note")));
    same(metrics, client.getMetricHistory(id, "acc"));
    client.deleteRun(id);
    same("deleted", client.getRun(id).getInfo().getLifecycleStage());
    client.restoreRun(id);
    same("active", client.getRun(id).getInfo().getLifecycleStage());
  }

  private void pages() {
    String experiment = client.createExperiment("java pages" + mark);
    List<String> made = new ArrayList<>();
    for (int number = 0; number < 7; number++) {
      String id = client.createRun(experiment).getRunId();
      client.logMetric(id, "acc", number);
      made.add(id);
    }
    List<String> found = new ArrayList<>();
    RunsPage page = client.searchRuns(List.of(experiment), "metrics.acc >= 2", ViewType.ACTIVE_ONLY, 2,
        List.of("metrics.acc ASC"));
    while (true) {
      page.getItems().forEach(run -> found.add(run.getInfo().getRunId()));
      if (!page.hasNextPage()) {
        break;
      }
      page = (RunsPage) page.getNextPage();
    }
    same(made.subList(2, 7), found);
  }

  private void fluently() {
    MlflowContext context = new MlflowContext(client);
    client.createExperiment("java context" + mark);
    context.setExperimentName("java context" + mark);
    ActiveRun parent = context.startRun("parent");
    parent.logParams(Map.of("a", "1", "b", "2"));
    parent.logMetrics(Map.of("x", 1.0), 3);
    ActiveRun child = context.startRun("child", parent.getId());
    child.setTags(Map.of("kind", "child"));
    child.endRun(RunStatus.FAILED);
    parent.endRun();
    Run read = client.getRun(child.getId());
    same(RunStatus.FAILED, read.getInfo().getStatus());
    Map<String, String> tags = read.getData().getTagsList().stream()
        .collect(Collectors.toMap(RunTag::getKey, RunTag::getValue));
    same(parent.getId(), tags.get("mlflow.parentRunId"));
    same("child", tags.get("mlflow.runName"));
  }

  /** By the {@code mlflow} command, as this client does it. */
  private void files() throws Exception {
    String id = client.createRun(client.createExperiment("java files" + mark)).getRunId();
    Path folder = Files.createTempDirectory("mlflow-java");
    Path file = Files.writeString(folder.resolve("a.txt"), "hello");
    client.logArtifact(id, file.toFile());
    client.logArtifacts(id, folder.toFile(), "deep");
    same(List.of("a.txt", "deep"), client.listArtifacts(id).stream().map(FileInfo::getPath).sorted()
        .collect(Collectors.toList()));
    same(List.of("deep/a.txt"), client.listArtifacts(id, "deep").stream().map(FileInfo::getPath)
        .collect(Collectors.toList()));
    same("hello", Files.readString(client.downloadArtifacts(id, "deep/a.txt").toPath()));
  }

  /** Versions, which this client makes by plain calls. */
  private void registry() throws Exception {
    String name = "java" + mark;
    RunInfo run = client.createRun(client.createExperiment("java registry" + mark));
    Path file = Files.writeString(Files.createTempDirectory("mlflow-java").resolve("weights.txt"), "w");
    client.logArtifact(run.getRunId(), file.toFile(), "model");
    client.sendPost("registered-models/create", "{\"name\": \"" + name + "\"}");
    String version = "{\"name\": \"" + name + "\", \"run_id\": \"" + run.getRunId() + "\", \"source\": \""
        + run.getArtifactUri() + "/model\"}";
    client.sendPost("model-versions/create", version);
    client.sendPost("model-versions/create", version);
    client.sendPost("model-versions/transition-stage", "{\"name\": \"" + name
        + "\", \"version\": \"1\", \"stage\": \"Production\", \"archive_existing_versions\": true}");
    same("Production", client.getModelVersion(name, "1").getCurrentStage());
    same(name, client.getRegisteredModel(name).getName());
    same(List.of("1"), client.getLatestVersions(name, List.of("Production")).stream().map(ModelVersion::getVersion)
        .collect(Collectors.toList()));
    same(List.of("2", "1"), client.searchModelVersions("name = '" + name + "'", 10, List.of("version_number DESC"))
        .getItems().stream().map(ModelVersion::getVersion).collect(Collectors.toList()));
    same(run.getArtifactUri() + "/model", client.getModelVersionDownloadUri(name, "1"));
    Path down = client.downloadLatestModelVersion(name, "Production").toPath();
    same("w", Files.readString(down.resolve("weights.txt")));
  }

  private void refusals() {
    try {
      client.getRun("0".repeat(32));
      throw new AssertionError("a run that is not there was found");
    } catch (MlflowHttpException refused) {
      same(404, refused.getStatusCode());
      same(true, refused.getBodyMessage().contains("RESOURCE_DOES_NOT_EXIST"));
    }
    String id = client.createRun("0").getRunId();
    client.logParam(id, "lr", "1");
    try {
      client.logParam(id, "lr", "2");
      throw new AssertionError("a param was changed");
    } catch (MlflowClientException refused) {
      same(true, refused.getMessage().contains("400"));
    }
  }
}
