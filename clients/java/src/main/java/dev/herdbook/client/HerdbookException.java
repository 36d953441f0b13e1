package dev.herdbook.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.PreconditionFailure;
import com.google.rpc.RequestInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What the server says about a failed call. */
public final class HerdbookException extends RuntimeException {
  /** A field of a request and what is wrong with it. */
  public record FieldProblem(String field, String description) {}

  /** A rule that failed, for a version such as {@code fraud-detector/3}. */
  public record RuleFailure(String kind, String version, String description) {}

  private final Status.Code code;
  private final List<FieldProblem> fields = new ArrayList<>();
  private final List<RuleFailure> failures = new ArrayList<>();
  private String reason = "";
  private Map<String, String> metadata = Map.of();
  private Duration retryAfter = Duration.ZERO;
  private String requestId = "";

  /** Reads the details of what a call threw, usually a {@link io.grpc.StatusRuntimeException}. */
  public HerdbookException(Throwable cause) {
    super(Status.fromThrowable(cause).getDescription(), cause);
    code = codeOf(Status.fromThrowable(cause));
    com.google.rpc.Status status = StatusProto.fromThrowable(cause);
    if (status == null) {
      return;
    }
    try {
      for (Any detail : status.getDetailsList()) {
        read(detail);
      }
    } catch (InvalidProtocolBufferException damaged) {
      addSuppressed(damaged);
    }
  }

  /** The code; a connection that closed under a call is told as UNKNOWN by gRPC's Netty, and is the server being away. */
  private static Status.Code codeOf(Status status) {
    return status.getCause() instanceof ClosedChannelException ? Status.Code.UNAVAILABLE : status.getCode();
  }

  private void read(Any detail) throws InvalidProtocolBufferException {
    if (detail.is(ErrorInfo.class)) {
      ErrorInfo info = detail.unpack(ErrorInfo.class);
      reason = info.getReason();
      metadata = info.getMetadataMap();
    } else if (detail.is(BadRequest.class)) {
      for (BadRequest.FieldViolation found : detail.unpack(BadRequest.class).getFieldViolationsList()) {
        fields.add(new FieldProblem(found.getField(), found.getDescription()));
      }
    } else if (detail.is(PreconditionFailure.class)) {
      for (PreconditionFailure.Violation found :
          detail.unpack(PreconditionFailure.class).getViolationsList()) {
        failures.add(new RuleFailure(found.getType(), found.getSubject(), found.getDescription()));
      }
    } else if (detail.is(RetryInfo.class)) {
      com.google.protobuf.Duration delay = detail.unpack(RetryInfo.class).getRetryDelay();
      retryAfter = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
    } else if (detail.is(RequestInfo.class)) {
      requestId = detail.unpack(RequestInfo.class).getRequestId();
    }
  }

  /** The code of gRPC. */
  public Status.Code code() {
    return code;
  }

  /** Stable and upper case, such as {@code TRANSITION_REFUSED}; empty if the server was not reached. */
  public String reason() {
    return reason;
  }

  /** What the reason is about, such as the revision. */
  public Map<String, String> metadata() {
    return metadata;
  }

  /** Fields of the request that are wrong. */
  public List<FieldProblem> fields() {
    return List.copyOf(fields);
  }

  /** The rules that refused a move. */
  public List<RuleFailure> failures() {
    return List.copyOf(failures);
  }

  /** When the server advises to try again; zero if it does not. */
  public Duration retryAfter() {
    return retryAfter;
  }

  /** By which the server's log has the call. */
  public String requestId() {
    return requestId;
  }

  /** Whether the same call may succeed later: the server is away, or advises to try again. */
  public boolean passes() {
    return code == Status.Code.UNAVAILABLE || !retryAfter.isZero();
  }
}
