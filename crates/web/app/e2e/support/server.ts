import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const BINARY = process.env["HERDBOOK_TEST_BINARY"] ?? "target/debug/herdbook";
const PATIENCE_MS = 60_000;

/** A Herdbook of its own, with data of its own. */
export class Server {
  readonly folder = mkdtempSync(join(tmpdir(), "herdbook-web-"));
  private child: ChildProcess | undefined;
  private port = 0;

  private readonly options: readonly string[];

  private constructor(options: readonly string[]) {
    this.options = options;
    // Where the tests run as root, Postgres runs as somebody else.
    chmodSync(this.folder, 0o755);
  }

  static async start(...options: string[]): Promise<Server> {
    const server = new Server(options);
    try {
      await server.up();
    } catch (error) {
      await server.remove();
      throw error;
    }
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it, at the port it had before. */
  async up(): Promise<void> {
    const ready = join(this.folder, "ready.json");
    this.child = spawn(
      BINARY,
      [
        "up",
        // An option that is there may name another.
        ...(this.options.includes("--listen") ? [] : ["--listen", `127.0.0.1:${this.port}`]),
        "--data-dir",
        this.folder,
        "--ready-file",
        ready,
        ...this.options,
      ],
      {
        stdio: ["ignore", "ignore", "inherit"],
        env: { ...process.env, HERDBOOK_LOG: "warn", RUST_LOG: "warn" },
      },
    );
    const child = this.child;
    await until("the server is ready", () => {
      if (child.exitCode !== null) throw new Error(`herdbook up ended with ${child.exitCode}`);
      return existsSync(ready);
    });
    const { address } = JSON.parse(readFileSync(ready, "utf8")) as { address: string };
    this.port = Number(address.split(":").at(-1));
  }

  /** A token of the first admin. */
  async adminToken(): Promise<string> {
    const { database } = JSON.parse(readFileSync(join(this.folder, "ready.json"), "utf8")) as {
      database: string;
    };
    const words = ["--bootstrap", "--database-url", database, "--output", "json"];
    const token = (await herdbook("tokens", "create", ...words)).match(/hbk_[\w-]+/)?.[0];
    if (!token) throw new Error("no token was made");
    return token;
  }

  async down(): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await gone;
  }

  async remove(): Promise<void> {
    await this.down();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Runs the program, and answers what it printed. */
export function herdbook(...words: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(BINARY, words, { stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    child.on("exit", (code) =>
      code === 0 ? resolve(printed) : reject(new Error(`herdbook ${words[0]}: ${code}`)),
    );
  });
}

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await pause(20);
  }
}
