import { createHash, createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A small identity provider with real signatures (RS256). Whoever comes is signed in as `claims` say. */
export class IdentityProvider {
  claims: Record<string, unknown> = {};
  private readonly keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  private readonly grants = new Map<string, { nonce: string; challenge: string; client: string }>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      void this.answer(request).then(({ status, body, location }) => {
        response.writeHead(status, {
          "content-type": "application/json",
          ...(location && { location }),
        });
        response.end(body && JSON.stringify(body));
      });
    });
  }

  static async start(): Promise<IdentityProvider> {
    const provider = new IdentityProvider();
    await new Promise<void>((resolve) => provider.server.listen(0, "127.0.0.1", resolve));
    return provider;
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async answer(
    request: IncomingMessage,
  ): Promise<{ status: number; body?: unknown; location?: string }> {
    const url = new URL(request.url ?? "/", this.issuer);
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return {
          status: 200,
          body: {
            issuer: this.issuer,
            authorization_endpoint: `${this.issuer}/authorize`,
            token_endpoint: `${this.issuer}/token`,
            jwks_uri: `${this.issuer}/keys`,
            response_types_supported: ["code"],
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: ["RS256"],
          },
        };
      case "/keys":
        return {
          status: 200,
          body: {
            keys: [{ ...this.keys.publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256", use: "sig" }],
          },
        };
      case "/authorize": {
        const asked = (name: string) => url.searchParams.get(name) ?? "";
        const code = randomUUID();
        this.grants.set(code, {
          nonce: asked("nonce"),
          challenge: asked("code_challenge"),
          client: asked("client_id"),
        });
        const back = new URL(asked("redirect_uri"));
        back.searchParams.set("code", code);
        back.searchParams.set("state", asked("state"));
        return { status: 302, location: back.href };
      }
      case "/token": {
        const form = new URLSearchParams(await bodyOf(request));
        const grant = this.grants.get(form.get("code") ?? "");
        const proof = createHash("sha256")
          .update(form.get("code_verifier") ?? "")
          .digest("base64url");
        if (grant?.challenge !== proof) return { status: 400, body: { error: "invalid_grant" } };
        return {
          status: 200,
          body: { access_token: "a", token_type: "Bearer", id_token: this.sign(grant) },
        };
      }
      default:
        return { status: 404 };
    }
  }

  private sign({ nonce, client }: { nonce: string; client: string }): string {
    const now = Math.floor(Date.now() / 1000);
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = {
      iss: this.issuer,
      aud: client,
      sub: "1",
      iat: now,
      exp: now + 60,
      nonce,
      ...this.claims,
    };
    const text = `${part({ alg: "RS256", kid: "1" })}.${part(claims)}`;
    return `${text}.${createSign("RSA-SHA256").update(text).sign(this.keys.privateKey, "base64url")}`;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}
