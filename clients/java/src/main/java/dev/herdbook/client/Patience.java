package dev.herdbook.client;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** Tries again while the server is away. */
final class Patience {
  private static final long FIRST_MS = 50;
  private static final long LONGEST_MS = 10_000;

  /** Something that is tried; it may call {@link Progress#gotOn} when it is worth to be patient anew. */
  @FunctionalInterface
  interface Attempt<T> {
    T run(Progress progress) throws Exception;
  }

  /** Told by an attempt that it got on. */
  interface Progress {
    void gotOn();
  }

  private final String url;
  private final Duration duration;

  Patience(String url, Duration duration) {
    this.url = url;
    this.duration = duration;
  }

  /**
   * How long to wait after the failure of an attempt (0, 1, …): as the server advises, or else up to twice as long each
   * time, anywhere in the upper half, so that clients that lost a server together do not come back together.
   */
  static Duration pause(HerdbookException failed, int attempt) {
    if (!failed.retryAfter().isZero()) {
      return failed.retryAfter();
    }
    long longest = Math.min(FIRST_MS << Math.min(attempt, 16), LONGEST_MS);
    return Duration.ofMillis(longest / 2 + ThreadLocalRandom.current().nextLong(longest / 2));
  }

  <T> T persist(Attempt<T> attempt) throws Exception {
    long[] until = {System.nanoTime() + duration.toNanos()};
    int[] failures = {0};
    while (true) {
      try {
        return attempt.run(
            () -> {
              failures[0] = 0;
              until[0] = System.nanoTime() + duration.toNanos();
            });
      } catch (StatusRuntimeException thrown) {
        HerdbookException failed = new HerdbookException(thrown);
        Duration pause = pause(failed, failures[0]++);
        if (!failed.passes()) {
          throw thrown;
        }
        if (System.nanoTime() + pause.toNanos() > until[0]) {
          throw failed.reason().isEmpty() ? unreachable(thrown) : thrown;
        }
        Thread.sleep(pause.toMillis());
      }
    }
  }

  /** Says where no server was reached. */
  StatusRuntimeException unreachable(StatusRuntimeException thrown) {
    Throwable cause = thrown;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    String message = "no Herdbook answers at " + url + "; start one there or set HERDBOOK_URL (" + cause.getMessage() + ")";
    return Status.UNAVAILABLE.withDescription(message).withCause(thrown).asRuntimeException();
  }

  /** How long calls are tried again. */
  Duration duration() {
    return duration;
  }
}
