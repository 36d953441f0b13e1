package dev.herdbook.client;

import dev.herdbook.registry.v1.AuditRecord;
import dev.herdbook.registry.v1.TransitionServiceGrpc.TransitionServiceBlockingStub;
import dev.herdbook.registry.v1.WatchRequest;
import dev.herdbook.registry.v1.WatchResponse;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Iterator;
import java.util.function.LongSupplier;

/** Changes of the registry, one after another; see {@link Herdbook#watch}. For one thread; any may close it. */
public final class Watch implements AutoCloseable {
  private final Patience patience;
  private final TransitionServiceBlockingStub transitions;
  private final LongSupplier relist;
  private final Context.CancellableContext context = Context.current().withCancellation();
  private final WatchRequest.Builder request;
  private Iterator<WatchResponse> events;

  Watch(Patience patience, TransitionServiceBlockingStub transitions, WatchRequest request, LongSupplier relist) {
    this.patience = patience;
    this.transitions = transitions;
    this.relist = relist;
    this.request = request.toBuilder();
  }

  /** Waits for the next change. */
  public AuditRecord next() throws Exception {
    while (true) {
      WatchResponse event = patience.persist(progress -> nextEvent());
      if (event.hasRecord()) {
        request.setAfterRevision(event.getRecord().getRevision());
        return event.getRecord();
      }
      request.setAfterRevision(event.getBookmark());
    }
  }

  private WatchResponse nextEvent() throws Exception {
    if (events == null) {
      events = context.call(() -> transitions.watch(request.build()));
    }
    try {
      if (events.hasNext()) {
        return events.next();
      }
    } catch (StatusRuntimeException thrown) {
      events = null;
      if (thrown.getStatus().getCode() == Status.Code.OUT_OF_RANGE && relist != null) {
        request.setAfterRevision(relist.getAsLong());
        return nextEvent();
      }
      throw thrown;
    }
    events = null;
    throw Status.UNAVAILABLE.withDescription("the server ended the stream").asRuntimeException();
  }

  @Override
  public void close() {
    context.cancel(null);
  }
}
