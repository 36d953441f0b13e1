package dev.herdbook.client;

import java.nio.file.Path;
import java.time.Duration;

/**
 * Where the server is and how to call it.
 *
 * @param url such as {@code https://herdbook.example.com}
 * @param token such as {@code hbk_…}; none if null
 * @param workspace the workspace to work in; that of the token if null
 * @param caFile PEM file with the certificates to trust; those of Java if null
 * @param patience how long calls are tried again while the server is away
 */
public record Config(String url, String token, String workspace, Path caFile, Duration patience) {
  /** A config with nothing but an address. */
  public static Config of(String url) {
    return new Config(url, null, null, null, Duration.ofSeconds(30));
  }

  /** From {@code HERDBOOK_URL}, {@code HERDBOOK_TOKEN}, {@code HERDBOOK_WORKSPACE} and {@code HERDBOOK_CA_FILE}. */
  public static Config fromEnv() {
    String url = System.getenv().getOrDefault("HERDBOOK_URL", "http://127.0.0.1:5757");
    String caFile = System.getenv("HERDBOOK_CA_FILE");
    return new Config(
        url,
        System.getenv("HERDBOOK_TOKEN"),
        System.getenv("HERDBOOK_WORKSPACE"),
        caFile == null ? null : Path.of(caFile),
        Duration.ofSeconds(30));
  }

  /** The same with another token; none if null. */
  public Config withToken(String token) {
    return new Config(url, token, workspace, caFile, patience);
  }

  /** The same with another patience. */
  public Config withPatience(Duration patience) {
    return new Config(url, token, workspace, caFile, patience);
  }
}
