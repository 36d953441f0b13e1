package dev.herdbook.client;

import dev.herdbook.tracking.v1.LogMetricsRequest;
import dev.herdbook.tracking.v1.LogMetricsResponse;
import dev.herdbook.tracking.v1.MetricBatch;
import dev.herdbook.tracking.v1.MetricServiceGrpc;
import dev.herdbook.tracking.v1.MetricTable;
import dev.herdbook.tracking.v1.OpenWriter;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.EnumSet;
import java.util.LinkedList;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeoutException;

/**
 * Streams metrics of a run, each point exactly once: what the server has not committed when a connection is lost is sent
 * again over the next, from the number that the server names. Safe for use by many threads.
 */
public final class MetricWriter implements AutoCloseable {
  /** What may be a defect of the server, and is taken for one after so many in a row. */
  private static final Set<Status.Code> DOUBTFUL =
      EnumSet.of(Status.Code.INTERNAL, Status.Code.UNKNOWN, Status.Code.RESOURCE_EXHAUSTED, Status.Code.DATA_LOSS);
  private static final Set<Status.Code> PASSING =
      EnumSet.of(Status.Code.UNAVAILABLE, Status.Code.CANCELLED, Status.Code.DEADLINE_EXCEEDED);
  private static final int DOUBTS = 12;

  /**
   * Options of a writer.
   *
   * @param name by which the server knows who writes, such as {@code worker-3}; each writer adds letters of its own, so that
   *     two of one name do not disturb each other
   * @param batchPoints points that are committed together at most
   * @param interval after which a batch is sent that is not full
   * @param bufferPoints points that may wait for the server; {@link #log} waits while there are more
   * @param patience how long {@link #close} waits for what is left
   */
  public record Options(String name, int batchPoints, Duration interval, int bufferPoints, Duration patience) {
    /** The host's name, 8,192 points or 100 ms a batch, a million points, 30 seconds. */
    public static Options defaults() {
      String host = "java";
      try {
        host = InetAddress.getLocalHost().getHostName();
      } catch (UnknownHostException unnamed) {
        // A host without a name; the letters of its own tell the writer apart.
      }
      return new Options(host, 8192, Duration.ofMillis(100), 1_000_000, Duration.ofSeconds(30));
    }

    /** The same with batches of another size. */
    public Options withBatchPoints(int points) {
      return new Options(name, points, interval, bufferPoints, patience);
    }
  }

  private final MetricServiceGrpc.MetricServiceStub metrics;
  private final OpenWriter opening;
  private final Options options;
  private final Thread sender;

  // All below under the lock of this.
  private final Gathering gathering = new Gathering();
  private final LinkedList<MetricBatch> pending = new LinkedList<>();
  private Stream stream;
  private int sent;
  private long next = 1;
  private long points;
  private long gatherAt;
  private int streams;
  private int failures;
  private int doubts;
  private long pauseUntil;
  private boolean stopRequested;
  private boolean closed;
  private HerdbookException failed;

  MetricWriter(Channel channel, String runId, Options options) {
    this.options = options;
    metrics = MetricServiceGrpc.newStub(channel);
    opening =
        OpenWriter.newBuilder()
            .setWriter(1)
            .setRunId(runId)
            .setWriterId(options.name() + "-" + UUID.randomUUID())
            .setEpoch(ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now()))
            .build();
    sender = new Thread(this::work, "herdbook-writer");
    sender.setDaemon(true);
    sender.start();
  }

  /** Takes in what was measured at a step, now. */
  public void log(long step, Map<String, Double> values) throws InterruptedException {
    log(step, values, Instant.now());
  }

  /**
   * Takes in what was measured at a step and a time. It waits only while too much waits for the server.
   *
   * @throws HerdbookException the one for which the server takes no more of this writer
   */
  public synchronized void log(long step, Map<String, Double> values, Instant at) throws InterruptedException {
    if (values.isEmpty()) {
      return;
    }
    if (values.size() > Gathering.COLUMNS) {
      throw new IllegalArgumentException(
          values.size() + " metrics in one call; log them in parts of at most " + Gathering.COLUMNS);
    }
    while (points >= options.bufferPoints() && failed == null && !closed) {
      gather();
      wait();
    }
    if (failed != null) {
      throw failed;
    }
    if (closed) {
      throw new IllegalStateException("the writer is closed; open another to log more");
    }
    if (!gathering.fits(values.size(), options.batchPoints())) {
      gather();
    }
    if (gathering.points() == 0) {
      gatherAt = System.nanoTime() + options.interval().toNanos();
      notifyAll();
    }
    gathering.add(step, ChronoUnit.MICROS.between(Instant.EPOCH, at), values);
    points += values.size();
  }

  /** Waits until all that was logged before is committed. */
  public synchronized void flush(Duration patience) throws InterruptedException, TimeoutException {
    gather();
    long target = next;
    long until = System.nanoTime() + patience.toNanos();
    while (failed == null && !pending.isEmpty() && pending.getFirst().getSequence() < target) {
      long left = until - System.nanoTime();
      if (left <= 0) {
        throw new TimeoutException(points + " points still wait for the server");
      }
      wait(left / 1_000_000 + 1);
    }
    if (failed != null) {
      throw failed;
    }
  }

  /** Flushes and ends the writer. */
  @Override
  public void close() throws InterruptedException, TimeoutException {
    try {
      flush(options.patience());
    } finally {
      synchronized (this) {
        closed = true;
        notifyAll();
      }
      sender.join();
    }
  }

  /** Whether somebody asked the run to stop. */
  public synchronized boolean stopRequested() {
    return stopRequested;
  }

  /** Streams that were opened so far: more than one after lost connections. */
  public synchronized int streams() {
    return streams;
  }

  /** Gives what was gathered a number. */
  private void gather() {
    if (gathering.points() > 0) {
      pending.add(gathering.take(next++));
      notifyAll();
    }
  }

  /** Holds a stream, and sends what there is over it. */
  private synchronized void work() {
    try {
      while (!closed && failed == null) {
        long now = System.nanoTime();
        if (gathering.points() > 0 && now >= gatherAt) {
          gather();
        } else if (stream == null && now >= pauseUntil) {
          stream = new Stream();
          metrics.logMetrics(stream);
          stream.call.onNext(LogMetricsRequest.newBuilder().setOpen(opening).build());
        } else if (stream != null && stream.open && stream.call.isReady() && sent < pending.size()) {
          stream.call.onNext(LogMetricsRequest.newBuilder().setBatch(pending.get(sent++)).build());
        } else {
          long wake = stream == null ? pauseUntil : now + options.interval().toNanos();
          if (gathering.points() > 0) {
            wake = Math.min(wake, gatherAt);
          }
          wait(Math.max((wake - now) / 1_000_000, 0) + 1);
        }
      }
    } catch (InterruptedException interrupted) {
      failed = new HerdbookException(Status.CANCELLED.withDescription("the writer's thread was interrupted").asException());
    } finally {
      if (stream != null) {
        stream.call.cancel("the writer is closed", null);
      }
      notifyAll();
    }
  }

  private void commit(long sequence) {
    while (!pending.isEmpty() && pending.getFirst().getSequence() <= sequence) {
      for (MetricTable table : pending.removeFirst().getTablesList()) {
        points -= table.getValuesCount();
      }
      sent = Math.max(sent - 1, 0);
      failures = 0;
      doubts = 0;
    }
  }

  /** Puts empty batches where a server that was put back in time has none, so that those behind it can follow. */
  private void fill(long expected) {
    long first = pending.isEmpty() ? next : pending.getFirst().getSequence();
    for (long missing = first - 1; missing >= expected; missing--) {
      pending.addFirst(MetricBatch.newBuilder().setWriter(1).setSequence(missing).build());
    }
  }

  private void lost(HerdbookException error) {
    stream = null;
    if (DOUBTFUL.contains(error.code())) {
      doubts++;
    } else if (!PASSING.contains(error.code())) {
      doubts = DOUBTS;
    }
    if (doubts >= DOUBTS) {
      failed = error;
    }
    pauseUntil = System.nanoTime() + Patience.pause(error, failures++).toNanos();
  }

  /** One stream to the server. */
  private final class Stream implements ClientResponseObserver<LogMetricsRequest, LogMetricsResponse> {
    private ClientCallStreamObserver<LogMetricsRequest> call;
    private boolean open;

    @Override
    public void beforeStart(ClientCallStreamObserver<LogMetricsRequest> started) {
      call = started;
      call.setOnReadyHandler(this::wake);
    }

    private void wake() {
      synchronized (MetricWriter.this) {
        MetricWriter.this.notifyAll();
      }
    }

    @Override
    public void onNext(LogMetricsResponse answer) {
      synchronized (MetricWriter.this) {
        if (stream != this) {
          return;
        }
        switch (answer.getMessageCase()) {
          case OPENED -> {
            streams++;
            sent = 0;
            commit(answer.getOpened().getSequence());
            fill(answer.getOpened().getSequence() + 1);
            stopRequested = answer.getOpened().getStopRequested();
            open = true;
          }
          case COMMITTED -> {
            commit(answer.getCommitted().getSequence());
            stopRequested = answer.getCommitted().getStopRequested();
          }
          case REFUSED -> {
            Status refused = Status.fromCodeValue(answer.getRefused().getCode());
            String why = answer.getRefused().getReason() + ": " + answer.getRefused().getMessage();
            call.cancel("the writer is refused", null);
            lost(new HerdbookException(new StatusRuntimeException(refused.withDescription(why))));
          }
          default -> {}
        }
        MetricWriter.this.notifyAll();
      }
    }

    @Override
    public void onError(Throwable thrown) {
      synchronized (MetricWriter.this) {
        if (stream == this) {
          lost(new HerdbookException(thrown));
        }
        MetricWriter.this.notifyAll();
      }
    }

    @Override
    public void onCompleted() {
      onError(Status.UNAVAILABLE.withDescription("the server ended the stream").asRuntimeException());
    }
  }
}
