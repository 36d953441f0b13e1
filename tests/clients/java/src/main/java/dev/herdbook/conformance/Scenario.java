package dev.herdbook.conformance;

import static dev.herdbook.conformance.Conformance.ask;

import dev.herdbook.access.v1.AccessServiceGrpc;
import dev.herdbook.access.v1.GetCallerRequest;
import dev.herdbook.client.Config;
import dev.herdbook.client.Herdbook;
import dev.herdbook.client.HerdbookException;
import dev.herdbook.client.MetricWriter;
import dev.herdbook.client.Watch;
import dev.herdbook.common.v1.File;
import dev.herdbook.common.v1.Lifecycle;
import dev.herdbook.lineage.v1.GetAncestorsRequest;
import dev.herdbook.lineage.v1.Graph;
import dev.herdbook.lineage.v1.LineageServiceGrpc;
import dev.herdbook.registry.v1.AuditAction;
import dev.herdbook.registry.v1.Comparison;
import dev.herdbook.registry.v1.CreateModelRequest;
import dev.herdbook.registry.v1.CreateVersionRequest;
import dev.herdbook.registry.v1.Decision;
import dev.herdbook.registry.v1.GetPolicyRequest;
import dev.herdbook.registry.v1.MetricThreshold;
import dev.herdbook.registry.v1.ModelServiceGrpc;
import dev.herdbook.registry.v1.Move;
import dev.herdbook.registry.v1.Outcome;
import dev.herdbook.registry.v1.Policy;
import dev.herdbook.registry.v1.Rule;
import dev.herdbook.registry.v1.SetAliasRequest;
import dev.herdbook.registry.v1.SetPolicyRequest;
import dev.herdbook.registry.v1.TransitionServiceGrpc;
import dev.herdbook.registry.v1.TransitionVersionRequest;
import dev.herdbook.registry.v1.Version;
import dev.herdbook.registry.v1.VersionServiceGrpc;
import dev.herdbook.registry.v1.WatchRequest;
import dev.herdbook.tracking.v1.CreateExperimentRequest;
import dev.herdbook.tracking.v1.CreateRunRequest;
import dev.herdbook.tracking.v1.Curve;
import dev.herdbook.tracking.v1.DeleteRunRequest;
import dev.herdbook.tracking.v1.ExperimentServiceGrpc;
import dev.herdbook.tracking.v1.GetCurvesRequest;
import dev.herdbook.tracking.v1.GetRunRequest;
import dev.herdbook.tracking.v1.ListExperimentsRequest;
import dev.herdbook.tracking.v1.LogBatchRequest;
import dev.herdbook.tracking.v1.Metric;
import dev.herdbook.tracking.v1.MetricServiceGrpc;
import dev.herdbook.tracking.v1.ReadMetricsRequest;
import dev.herdbook.tracking.v1.ReadMetricsResponse;
import dev.herdbook.tracking.v1.Run;
import dev.herdbook.tracking.v1.RunServiceGrpc;
import dev.herdbook.tracking.v1.SearchRunsRequest;
import dev.herdbook.tracking.v1.UpdateRunRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The steps, in their order. */
final class Scenario implements AutoCloseable {
  private static final int POINTS = 10_000;
  private static final int BATCH = 500;
  private static final int ARTIFACT_BYTES = 20_000_000;

  private final String name = System.getenv("CONFORMANCE_NAME");
  private final String model = name + "-model";
  private final Herdbook herdbook = Herdbook.connect(Config.fromEnv());
  private final RunServiceGrpc.RunServiceBlockingStub runs = RunServiceGrpc.newBlockingStub(herdbook.channel());
  private final MetricServiceGrpc.MetricServiceBlockingStub metrics =
      MetricServiceGrpc.newBlockingStub(herdbook.channel());
  private final ModelServiceGrpc.ModelServiceBlockingStub models =
      ModelServiceGrpc.newBlockingStub(herdbook.channel());
  private long experiment;
  private String run;
  private Version version;

  Scenario() throws IOException {}

  Map<String, Conformance.Step> steps() {
    Map<String, Conformance.Step> steps = new LinkedHashMap<>();
    steps.put("connect", this::connect);
    steps.put("tls", this::tls);
    steps.put("create", this::create);
    steps.put("stream", () -> log("loss", "cut"));
    steps.put("params", this::params);
    steps.put("artifact", this::artifact);
    steps.put("curve", this::curve);
    steps.put("search", this::search);
    steps.put("register", this::register);
    steps.put("refused", this::refused);
    steps.put("granted", this::granted);
    steps.put("watch", this::watch);
    steps.put("lineage", this::lineage);
    steps.put("restart", () -> log("val_loss", "restart"));
    steps.put("deadline", this::deadline);
    steps.put("too-large", this::tooLarge);
    steps.put("newer", this::newer);
    steps.put("older", this::older);
    steps.put("delete", this::delete);
    steps.put("token", this::token);
    steps.put("nobody", this::nobody);
    return steps;
  }

  private String connect() throws IOException {
    String principal =
        AccessServiceGrpc.newBlockingStub(herdbook.channel())
            .getCaller(GetCallerRequest.getDefaultInstance())
            .getPrincipal();
    unauthenticated(null);
    return "as " + principal;
  }

  private String tls() throws IOException {
    String principal = secured("CONFORMANCE_AUTHORITY");
    try {
      secured("CONFORMANCE_STRANGER");
    } catch (StatusRuntimeException thrown) {
      String said = new HerdbookException(thrown).getMessage();
      expect(said.contains("certifica"), said);
      return "as " + principal + "; " + said;
    }
    throw new AssertionError("it was not refused");
  }

  /** Who calls where one must trust an authority. */
  private static String secured(String authority) throws IOException {
    Config config =
        new Config(
            System.getenv("CONFORMANCE_TLS"),
            System.getenv("HERDBOOK_TOKEN"),
            null,
            Path.of(System.getenv(authority)),
            Duration.ofSeconds(1));
    try (Herdbook secure = Herdbook.connect(config)) {
      return AccessServiceGrpc.newBlockingStub(secure.channel())
          .getCaller(GetCallerRequest.getDefaultInstance())
          .getPrincipal();
    }
  }

  private String create() {
    CreateExperimentRequest request = CreateExperimentRequest.newBuilder().setName(name + "-conformance").build();
    experiment =
        ExperimentServiceGrpc.newBlockingStub(herdbook.channel()).createExperiment(request).getExperiment().getId();
    CreateRunRequest created = CreateRunRequest.newBuilder().setExperimentId(experiment).setName("scenario").build();
    run = runs.createRun(created).getRun().getId();
    return "run " + run;
  }

  private String params() {
    Map<String, String> params = Map.of("lr", "0.01", "optimizer", "sgd");
    runs.logBatch(LogBatchRequest.newBuilder().setRunId(run).putAllParams(params).build());
    Map<String, String> kept = getRun().getParamsMap();
    expect(kept.equals(params), "params are " + kept);
    return kept.size() + " params";
  }

  private String artifact() throws Exception {
    byte[] content = new byte[ARTIFACT_BYTES];
    for (int i = 0; i < content.length; i++) {
      content[i] = (byte) (i * 31 + i / 251);
    }
    herdbook.uploadArtifact(run, "model/weights.bin", () -> new ByteArrayInputStream(content));
    ByteArrayOutputStream back = new ByteArrayOutputStream();
    File file = herdbook.downloadArtifact(run, "model/weights.bin", back);
    expect(Arrays.equals(content, back.toByteArray()), "other bytes came back");
    return file.getSize() + " bytes, " + file.getDigest().substring(0, 19);
  }

  private String curve() {
    GetCurvesRequest.Builder request = GetCurvesRequest.newBuilder().addRunIds(run).addKeys("loss").setBuckets(100);
    Curve curve = metrics.getCurves(request.build()).getCurves(0);
    long sum = curve.getCountList().stream().mapToLong(Long::longValue).sum();
    expect(curve.getCountCount() <= 100 && sum == POINTS, curve.getCountCount() + " buckets, " + sum + " points");
    return curve.getCountCount() + " buckets";
  }

  private String search() {
    SearchRunsRequest.Builder request = SearchRunsRequest.newBuilder().addExperimentIds(experiment);
    request.setFilter("params.lr = '0.01' and metrics.loss > 1");
    List<Run> found = runs.searchRuns(request.build()).getRunsList();
    expect(found.size() == 1 && found.get(0).getId().equals(run), found.size() + " runs found");
    return "1 run";
  }

  private String register() {
    accuracy(0.8, 0);
    models.createModel(CreateModelRequest.newBuilder().setName(model).build());
    Policy.Builder policy = models.getPolicy(GetPolicyRequest.newBuilder().setModel(model).build()).getPolicy().toBuilder();
    MetricThreshold.Builder threshold = MetricThreshold.newBuilder().setMetric("accuracy").setThreshold(0.9);
    threshold.setComparison(Comparison.COMPARISON_AT_LEAST);
    Rule.Builder rule = Rule.newBuilder().setName("accurate-enough").setMetricThreshold(threshold);
    for (Move.Builder move : policy.getMovesBuilderList()) {
      if (move.getTo().equals("Production")) {
        move.addRules(rule);
      }
    }
    models.setPolicy(SetPolicyRequest.newBuilder().setModel(model).setPolicy(policy).build());
    CreateVersionRequest.Builder request = CreateVersionRequest.newBuilder().setModel(model);
    request.setSource("runs:/" + run + "/model");
    version = VersionServiceGrpc.newBlockingStub(herdbook.channel()).createVersion(request.build()).getVersion();
    expect(version.getFiles(0).getSize() == ARTIFACT_BYTES, "other files were registered");
    return model + "/" + version.getNumber();
  }

  private String refused() {
    HerdbookException error = refusal(this::promote);
    expect(error.code() == Status.Code.FAILED_PRECONDITION && error.failures().size() == 1, error.toString());
    String description = error.failures().get(0).description();
    expect(description.contains("accurate-enough"), description);
    return description;
  }

  private String granted() {
    accuracy(0.95, 1);
    Decision decision = promote();
    expect(decision.getOutcome() == Outcome.OUTCOME_ALLOWED, "outcome " + decision.getOutcome());
    Version found = herdbook.resolve(model + "@Production");
    expect(found.getNumber() == version.getNumber(), "version " + found.getNumber());
    return model + "@Production is version " + found.getNumber();
  }

  private String watch() throws Exception {
    int[] relisted = {0};
    WatchRequest request = WatchRequest.newBuilder().setModel(model).setAfterRevision(1_000_000_000_000L).build();
    try (Watch watch =
        herdbook.watch(
            request,
            () -> {
              relisted[0]++;
              return version.getRevision();
            })) {
      Outcome first = watch.next().getDecision().getOutcome();
      expect(first == Outcome.OUTCOME_REFUSED, "the first event is " + first);
      ask("drop");
      SetAliasRequest.Builder alias = SetAliasRequest.newBuilder().setModel(model).setAlias("champion");
      models.setAlias(alias.setVersion(version.getNumber()).build());
      Outcome second = watch.next().getDecision().getOutcome();
      expect(second == Outcome.OUTCOME_ALLOWED, "the second event is " + second);
      AuditAction third = watch.next().getAction();
      expect(third == AuditAction.AUDIT_ACTION_SET_ALIAS, "the third event is " + third);
    }
    expect(relisted[0] == 1, "listed again " + relisted[0] + " times");
    return "3 events, each once; listed again 1 time";
  }

  private String lineage() throws IOException {
    ask("lineage");
    String node = "model_version:" + model + "@" + version.getNumber();
    Graph graph =
        LineageServiceGrpc.newBlockingStub(herdbook.channel())
            .getAncestors(GetAncestorsRequest.newBuilder().setNode(node).build())
            .getGraph();
    boolean found =
        graph.getNodesList().stream()
            .map(each -> each.getNode().getKey())
            .anyMatch(key -> key.getKind().equals("run") && key.getName().equals(run));
    expect(found, "its run is not among them");
    return graph.getNodesCount() + " nodes";
  }

  private String deadline() throws IOException {
    try (Herdbook future = Herdbook.connect(Config.of(System.getenv("CONFORMANCE_FUTURE")))) {
      long started = System.nanoTime();
      HerdbookException error =
          refusal(
              () ->
                  RunServiceGrpc.newBlockingStub(future.channel())
                      .withDeadlineAfter(300, TimeUnit.MILLISECONDS)
                      .searchRuns(SearchRunsRequest.getDefaultInstance()));
      expect(error.code() == Status.Code.DEADLINE_EXCEEDED, error.toString());
      return "after " + (System.nanoTime() - started) / 1_000_000 + " ms";
    }
  }

  private String tooLarge() {
    LogBatchRequest.Builder request = LogBatchRequest.newBuilder().setRunId(run);
    for (int i = 0; i < 2500; i++) {
      request.putTags("tag-" + i, "x".repeat(8000));
    }
    HerdbookException error = refusal(() -> runs.logBatch(request.build()));
    expect(error.code() == Status.Code.OUT_OF_RANGE, error.toString());
    return error.getMessage();
  }

  private String newer() throws IOException {
    try (Herdbook future = Herdbook.connect(Config.of(System.getenv("CONFORMANCE_FUTURE")))) {
      RunServiceGrpc.RunServiceBlockingStub newer = RunServiceGrpc.newBlockingStub(future.channel());
      Run found = newer.getRun(GetRunRequest.newBuilder().setRunId(run).build()).getRun();
      expect(found.getId().equals(run) && found.getStatusValue() == 77, "status " + found.getStatusValue());
      Run back = newer.updateRun(UpdateRunRequest.newBuilder().setRun(found).build()).getRun();
      expect(back.getDescription().equals("kept"), "what was not known was " + back.getDescription());
      return "kept";
    }
  }

  private String older() throws IOException {
    try (Herdbook future = Herdbook.connect(Config.of(System.getenv("CONFORMANCE_FUTURE")))) {
      HerdbookException error =
          refusal(
              () ->
                  ExperimentServiceGrpc.newBlockingStub(future.channel())
                      .listExperiments(ListExperimentsRequest.getDefaultInstance()));
      expect(error.code() == Status.Code.UNIMPLEMENTED, error.toString());
      return error.getMessage();
    }
  }

  private String delete() {
    runs.deleteRun(DeleteRunRequest.newBuilder().setRunId(run).build());
    Lifecycle lifecycle = getRun().getLifecycle();
    expect(lifecycle == Lifecycle.LIFECYCLE_DELETED, "lifecycle " + lifecycle);
    return "deleted";
  }

  private String token() throws IOException {
    String expired = ask("token").get("expired").getAsString();
    unauthenticated(Config.fromEnv().token());
    unauthenticated(expired);
    return "both refused";
  }

  private String nobody() throws IOException {
    String nowhere = System.getenv("CONFORMANCE_NOWHERE");
    try (Herdbook client = Herdbook.connect(Config.of(nowhere).withPatience(Duration.ofSeconds(1)))) {
      long started = System.nanoTime();
      HerdbookException error =
          refusal(
              () -> RunServiceGrpc.newBlockingStub(client.channel()).getRun(GetRunRequest.newBuilder().setRunId(run).build()));
      expect(error.code() == Status.Code.UNAVAILABLE && error.getMessage().contains(nowhere), error.toString());
      expect(System.nanoTime() - started < 5_000_000_000L, "too late");
      return error.getMessage();
    }
  }

  private String log(String key, String trouble) throws Exception {
    int streams;
    MetricWriter.Options options = MetricWriter.Options.defaults().withBatchPoints(BATCH);
    try (MetricWriter writer = herdbook.openWriter(run, options)) {
      for (int step = 0; step < POINTS; step++) {
        if (step == POINTS / 2) {
          // The first half is on its way; the second meets the trouble.
          writer.flush(Duration.ofSeconds(30));
          ask(trouble);
        }
        writer.log(step, Map.of(key, step * 0.5));
      }
      writer.flush(Duration.ofMinutes(1));
      streams = writer.streams();
    }
    BitSet seen = new BitSet();
    int count = 0;
    double sum = 0;
    ReadMetricsRequest request = ReadMetricsRequest.newBuilder().setRunId(run).addKeys(key).build();
    for (Iterator<ReadMetricsResponse> parts = metrics.readMetrics(request); parts.hasNext(); ) {
      ReadMetricsResponse part = parts.next();
      count += part.getStepsCount();
      part.getStepsList().forEach(step -> seen.set(step.intValue()));
      sum += part.getValuesList().stream().mapToDouble(Double::doubleValue).sum();
    }
    expect(count == POINTS && seen.cardinality() == POINTS, count + " points, " + seen.cardinality() + " steps");
    expect(sum == POINTS * (POINTS - 1.0) / 4, "the values add up to " + sum);
    expect(streams > 1, "the connection was never lost");
    return count + " points over " + streams + " streams";
  }

  private Run getRun() {
    return runs.getRun(GetRunRequest.newBuilder().setRunId(run).build()).getRun();
  }

  private void accuracy(double value, long step) {
    Metric.Builder metric = Metric.newBuilder().setKey("accuracy").setValue(value).setStep(step);
    runs.logBatch(LogBatchRequest.newBuilder().setRunId(run).addMetrics(metric).build());
  }

  private Decision promote() {
    TransitionVersionRequest.Builder request = TransitionVersionRequest.newBuilder().setModel(model).setTo("Production");
    request.setVersion(version.getNumber());
    return TransitionServiceGrpc.newBlockingStub(herdbook.channel()).transitionVersion(request.build()).getDecision();
  }

  private static void unauthenticated(String token) throws IOException {
    try (Herdbook stranger = Herdbook.connect(Config.fromEnv().withToken(token))) {
      HerdbookException error =
          refusal(
              () ->
                  AccessServiceGrpc.newBlockingStub(stranger.channel()).getCaller(GetCallerRequest.getDefaultInstance()));
      expect(error.code() == Status.Code.UNAUTHENTICATED, error.toString());
    }
  }

  private static HerdbookException refusal(Runnable call) {
    try {
      call.run();
    } catch (StatusRuntimeException thrown) {
      return new HerdbookException(thrown);
    }
    throw new AssertionError("it was not refused");
  }

  private static void expect(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  @Override
  public void close() {
    herdbook.close();
  }
}
