package dev.herdbook.client;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;

/** What each call carries: the token and the workspace. */
final class Carrying implements ClientInterceptor {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<String> WORKSPACE =
      Metadata.Key.of("herdbook-workspace", Metadata.ASCII_STRING_MARSHALLER);

  private final Config config;

  Carrying(Config config) {
    this.config = config;
  }

  @Override
  public <Q, R> ClientCall<Q, R> interceptCall(
      MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
    return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
      @Override
      public void start(Listener<R> listener, Metadata headers) {
        if (config.token() != null) {
          headers.put(AUTHORIZATION, "Bearer " + config.token());
        }
        if (config.workspace() != null) {
          headers.put(WORKSPACE, config.workspace());
        }
        super.start(listener, headers);
      }
    };
  }
}
