package dev.herdbook.client;

import dev.herdbook.common.v1.File;
import dev.herdbook.registry.v1.GetVersionRequest;
import dev.herdbook.registry.v1.TransitionServiceGrpc;
import dev.herdbook.registry.v1.Version;
import dev.herdbook.registry.v1.VersionServiceGrpc;
import dev.herdbook.registry.v1.WatchRequest;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * A connection to a server. Calls are made on generated stubs over {@link #channel}: {@code
 * RunServiceGrpc.newBlockingStub(herdbook.channel())}. Unary ones are tried again as the errors of the server advise; where
 * the contract has a request id an empty one is filled in, so that a repeat does nothing twice. Safe for use by many threads.
 */
public final class Herdbook implements AutoCloseable {
  /** That of all clients of Herdbook. */
  public static final String VERSION = "0.1.0";

  private static final int MESSAGE_BYTES = 16 << 20;

  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "herdbook");
            thread.setDaemon(true);
            return thread;
          });
  private final ManagedChannel connection;
  private final Channel channel;
  private final Patience patience;

  private Herdbook(Config config) throws IOException {
    URI address = URI.create(config.url());
    boolean tls = "https".equals(address.getScheme());
    if (address.getHost() == null || !(tls || "http".equals(address.getScheme()))) {
      throw new IllegalArgumentException(
          "the server cannot be " + config.url() + "; give an address such as http://127.0.0.1:5757");
    }
    ChannelCredentials credentials = InsecureChannelCredentials.create();
    if (tls) {
      TlsChannelCredentials.Builder builder = TlsChannelCredentials.newBuilder();
      if (config.caFile() != null) {
        builder.trustManager(config.caFile().toFile());
      }
      credentials = builder.build();
    }
    int port = address.getPort() > 0 ? address.getPort() : tls ? 443 : 80;
    patience = new Patience(config.url(), config.patience());
    connection =
        Grpc.newChannelBuilder("dns:///" + address.getHost() + ":" + port, credentials)
            .userAgent("herdbook-java/" + VERSION)
            .maxInboundMessageSize(MESSAGE_BYTES)
            .keepAliveTime(20, TimeUnit.SECONDS)
            .disableRetry()
            .build();
    channel = ClientInterceptors.intercept(connection, new Carrying(config), new Repeating(patience, timer));
  }

  /**
   * Prepares a connection; the first call makes it.
   *
   * @throws IOException if the certificates to trust cannot be read
   */
  public static Herdbook connect(Config config) throws IOException {
    return new Herdbook(config);
  }

  /** For generated stubs. */
  public Channel channel() {
    return channel;
  }

  /** Begins to write metrics of a run. Close the writer, or what was logged last may be lost. */
  public MetricWriter openWriter(String runId, MetricWriter.Options options) {
    return new MetricWriter(channel, runId, options);
  }

  /** Keeps what a source gives as a file of a run. It is opened twice, first for its digest, and again if the connection is lost. */
  public File uploadArtifact(String runId, String path, Artifacts.Source source) throws Exception {
    return Artifacts.upload(patience, channel, runId, path, source);
  }

  /** Writes a file of a run, over as many connections as that takes; throws if the bytes are not those of its digest. */
  public File downloadArtifact(String runId, String path, OutputStream into) throws Exception {
    return Artifacts.download(patience, channel, runId, path, into);
  }

  /** Writes a file of a version, such as {@code fraud-detector@Production}, likewise. */
  public File downloadVersionFile(String reference, String path, OutputStream into) throws Exception {
    return Artifacts.downloadVersionFile(patience, channel, reference, path, into);
  }

  /** Finds the version of a reference: {@code fraud-detector/3} or {@code fraud-detector@Production} (a stage, an alias or a label). */
  public Version resolve(String reference) {
    GetVersionRequest request = GetVersionRequest.newBuilder().setReference(reference).build();
    return VersionServiceGrpc.newBlockingStub(channel).getVersion(request).getVersion();
  }

  /**
   * Every change of the registry that is asked for, each once and in order, over as many connections as that takes.
   *
   * @param relist called when the revision lies ahead of the workspace, as after a restored backup: lists anew what is watched
   *     over, and gives the revision of that list. That is an error if null.
   */
  public Watch watch(WatchRequest request, LongSupplier relist) {
    return new Watch(patience, TransitionServiceGrpc.newBlockingStub(channel), request, relist);
  }

  /** Ends the connection, and with it all that runs on it. */
  @Override
  public void close() {
    connection.shutdownNow();
    timer.shutdownNow();
  }
}
