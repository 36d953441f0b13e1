package dev.herdbook.client;

import com.google.protobuf.ByteString;
import dev.herdbook.common.v1.File;
import dev.herdbook.registry.v1.DownloadVersionFileRequest;
import dev.herdbook.registry.v1.VersionServiceGrpc;
import dev.herdbook.tracking.v1.ArtifactHeader;
import dev.herdbook.tracking.v1.ArtifactServiceGrpc;
import dev.herdbook.tracking.v1.DownloadArtifactRequest;
import dev.herdbook.tracking.v1.UploadArtifactRequest;
import dev.herdbook.tracking.v1.UploadArtifactResponse;
import io.grpc.Channel;
import io.grpc.Context;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.LongFunction;

/** Files, in pieces and by their digests. */
public final class Artifacts {
  private static final int CHUNK_BYTES = 1 << 20;

  /** Opens what is to be uploaded; each time from its beginning. */
  @FunctionalInterface
  public interface Source {
    /** The bytes. */
    InputStream open() throws IOException;
  }

  /** Part of a download: first the file's facts, then its bytes. */
  private record Part(File file, ByteString chunk) {}

  private Artifacts() {}

  static File upload(Patience patience, Channel channel, String runId, String path, Source source) throws Exception {
    MessageDigest hash = sha256();
    long size = 0;
    byte[] buffer = new byte[CHUNK_BYTES];
    try (InputStream content = source.open()) {
      for (int read = content.read(buffer); read >= 0; read = content.read(buffer)) {
        hash.update(buffer, 0, read);
        size += read;
      }
    }
    ArtifactHeader.Builder header = ArtifactHeader.newBuilder().setRunId(runId).setPath(path);
    header.setDigest(digest(hash)).setSize(size);
    return patience.persist(
        progress -> {
          try (InputStream content = source.open()) {
            return send(channel, header.build(), content);
          }
        });
  }

  private static File send(Channel channel, ArtifactHeader header, InputStream content) throws Exception {
    Sending sending = new Sending();
    ArtifactServiceGrpc.newStub(channel).uploadArtifact(sending);
    try {
      sending.put(UploadArtifactRequest.newBuilder().setHeader(header).build());
      byte[] chunk = content.readNBytes(CHUNK_BYTES);
      while (chunk.length > 0 && !sending.answer.isDone()) {
        sending.put(UploadArtifactRequest.newBuilder().setChunk(ByteString.copyFrom(chunk)).build());
        chunk = content.readNBytes(CHUNK_BYTES);
      }
    } catch (IOException | RuntimeException failed) {
      sending.call.cancel("not all could be read", failed);
      throw failed;
    }
    if (!sending.answer.isDone()) {
      sending.call.onCompleted();
    }
    try {
      return sending.answer.get();
    } catch (ExecutionException failed) {
      throw failed.getCause() instanceof Exception cause ? cause : failed;
    }
  }

  /** An upload that waits until the connection takes more. */
  private static final class Sending implements ClientResponseObserver<UploadArtifactRequest, UploadArtifactResponse> {
    private final CompletableFuture<File> answer = new CompletableFuture<>();
    private ClientCallStreamObserver<UploadArtifactRequest> call;

    @Override
    public void beforeStart(ClientCallStreamObserver<UploadArtifactRequest> started) {
      call = started;
      call.setOnReadyHandler(this::wake);
    }

    synchronized void put(UploadArtifactRequest request) throws InterruptedException {
      while (!call.isReady() && !answer.isDone()) {
        wait();
      }
      if (!answer.isDone()) {
        call.onNext(request);
      }
    }

    private synchronized void wake() {
      notifyAll();
    }

    @Override
    public void onNext(UploadArtifactResponse response) {
      answer.complete(response.getFile());
      wake();
    }

    @Override
    public void onError(Throwable thrown) {
      answer.completeExceptionally(thrown);
      wake();
    }

    @Override
    public void onCompleted() {
      wake();
    }
  }

  static File download(Patience patience, Channel channel, String runId, String path, OutputStream into) throws Exception {
    DownloadArtifactRequest.Builder request = DownloadArtifactRequest.newBuilder().setRunId(runId).setPath(path);
    return verified(
        patience,
        into,
        offset -> {
          var parts = ArtifactServiceGrpc.newBlockingStub(channel).downloadArtifact(request.setOffset(offset).build());
          return map(parts, part -> new Part(part.hasFile() ? part.getFile() : null, part.getChunk()));
        });
  }

  static File downloadVersionFile(Patience patience, Channel channel, String reference, String path, OutputStream into)
      throws Exception {
    DownloadVersionFileRequest.Builder request =
        DownloadVersionFileRequest.newBuilder().setReference(reference).setPath(path);
    return verified(
        patience,
        into,
        offset -> {
          var parts = VersionServiceGrpc.newBlockingStub(channel).downloadVersionFile(request.setOffset(offset).build());
          return map(parts, part -> new Part(part.hasFile() ? part.getFile() : null, part.getChunk()));
        });
  }

  private static File verified(Patience patience, OutputStream into, LongFunction<Iterator<Part>> open) throws Exception {
    MessageDigest hash = sha256();
    File[] file = {null};
    long[] written = {0};
    // Cancelled at the end, so that a download that failed half way leaves no call behind.
    try (Context.CancellableContext context = Context.current().withCancellation()) {
      patience.persist(
          progress ->
              context.call(
                  () -> {
                    Iterator<Part> parts = open.apply(written[0]);
                    while (parts.hasNext()) {
                      Part part = parts.next();
                      if (part.file() != null) {
                        if (file[0] != null && !file[0].getDigest().equals(part.file().getDigest())) {
                          throw new IOException(part.file().getPath() + " was replaced while it was read; read it again");
                        }
                        file[0] = part.file();
                      }
                      byte[] chunk = part.chunk().toByteArray();
                      hash.update(chunk);
                      into.write(chunk);
                      written[0] += chunk.length;
                      progress.gotOn();
                    }
                    return null;
                  }));
    }
    String found = digest(hash);
    if (file[0] == null || !found.equals(file[0].getDigest())) {
      throw new IOException("the file arrived as " + found + ", not as it was sent; read it again");
    }
    return file[0];
  }

  private static <A, B> Iterator<B> map(Iterator<A> all, java.util.function.Function<A, B> change) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return all.hasNext();
      }

      @Override
      public B next() {
        return change.apply(all.next());
      }
    };
  }

  private static String digest(MessageDigest hash) {
    return "sha256:" + HexFormat.of().formatHex(hash.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every Java has SHA-256", impossible);
    }
  }
}
