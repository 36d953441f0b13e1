package dev.herdbook.client;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import java.util.UUID;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Tries unary calls again as the errors of the server advise, with a key for safe repeats where the contract has one and the
 * caller gave none.
 */
final class Repeating implements ClientInterceptor {
  private final Patience patience;
  private final ScheduledExecutorService timer;

  Repeating(Patience patience, ScheduledExecutorService timer) {
    this.patience = patience;
    this.timer = timer;
  }

  @Override
  public <Q, R> ClientCall<Q, R> interceptCall(
      MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
    if (method.getType() != MethodType.UNARY) {
      return next.newCall(method, options);
    }
    return new RepeatedCall<>(() -> next.newCall(method, options));
  }

  @SuppressWarnings("unchecked")
  private static <Q> Q withRequestId(Q request) {
    if (!(request instanceof Message message)) {
      return request;
    }
    FieldDescriptor id = message.getDescriptorForType().findFieldByName("request_id");
    FieldDescriptor position = message.getDescriptorForType().findFieldByName("position");
    if (id == null
        || !message.getField(id).equals("")
        || (position != null && message.hasField(position))) {
      return request;
    }
    return (Q) message.toBuilder().setField(id, UUID.randomUUID().toString()).build();
  }

  /** A unary call over as many attempts as it takes. */
  private final class RepeatedCall<Q, R> extends ClientCall<Q, R> {
    private final java.util.function.Supplier<ClientCall<Q, R>> calls;
    private final long until = System.nanoTime() + patience.duration().toNanos();
    private Listener<R> listener;
    private Metadata headers;
    private Q request;
    private int asked;
    private int failures;
    private boolean cancelled;
    private ClientCall<Q, R> attempt;

    RepeatedCall(java.util.function.Supplier<ClientCall<Q, R>> calls) {
      this.calls = calls;
      this.attempt = calls.get();
    }

    @Override
    public synchronized void start(Listener<R> listener, Metadata headers) {
      this.listener = listener;
      this.headers = headers;
      begin();
    }

    private void begin() {
      Metadata own = new Metadata();
      own.merge(headers);
      attempt.start(new Attempt(), own);
    }

    @Override
    public synchronized void request(int count) {
      asked += count;
      attempt.request(count);
    }

    @Override
    public synchronized void sendMessage(Q message) {
      request = withRequestId(message);
      attempt.sendMessage(request);
    }

    @Override
    public synchronized void halfClose() {
      attempt.halfClose();
    }

    @Override
    public synchronized void cancel(String message, Throwable cause) {
      cancelled = true;
      attempt.cancel(message, cause);
    }

    private synchronized void again() {
      attempt = calls.get();
      begin();
      if (cancelled) {
        attempt.cancel("cancelled while the server was away", null);
        return;
      }
      attempt.request(asked);
      attempt.sendMessage(request);
      attempt.halfClose();
    }

    private final class Attempt extends Listener<R> {
      @Override
      public void onHeaders(Metadata found) {
        listener.onHeaders(found);
      }

      @Override
      public void onMessage(R message) {
        listener.onMessage(message);
      }

      @Override
      public void onReady() {
        listener.onReady();
      }

      @Override
      public void onClose(Status status, Metadata trailers) {
        HerdbookException failed = new HerdbookException(status.asRuntimeException(trailers));
        if (status.isOk() || !failed.passes()) {
          listener.onClose(status, trailers);
          return;
        }
        long pause = Patience.pause(failed, failures++).toNanos();
        if (System.nanoTime() + pause > until) {
          Status told =
              failed.reason().isEmpty() ? patience.unreachable(status.asRuntimeException()).getStatus() : status;
          listener.onClose(told, trailers);
          return;
        }
        timer.schedule(RepeatedCall.this::again, pause, TimeUnit.NANOSECONDS);
      }
    }
  }
}
