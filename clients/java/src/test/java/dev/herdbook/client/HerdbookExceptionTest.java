package dev.herdbook.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import java.nio.channels.ClosedChannelException;
import org.junit.jupiter.api.Test;

class HerdbookExceptionTest {
  @Test
  void aConnectionThatClosedUnderACallIsTheServerBeingAway() {
    Status status = Status.UNKNOWN.withDescription("channel closed").withCause(new ClosedChannelException());
    HerdbookException closed = new HerdbookException(status.asRuntimeException());
    assertEquals(Status.Code.UNAVAILABLE, closed.code());
    assertTrue(closed.passes());
  }

  @Test
  void whatTheServerCallsUnknownIsNotTriedAgain() {
    assertFalse(new HerdbookException(Status.UNKNOWN.asRuntimeException()).passes());
  }
}
