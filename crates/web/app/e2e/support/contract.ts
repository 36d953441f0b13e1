import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { DescFile } from "@bufbuild/protobuf";

const GENERATED = join(import.meta.dirname, "../../src/generated/herdbook");

/** The paths of all methods of the contract, such as `/herdbook.tracking.v1.RunService/GetRun`. */
export async function methodsOfContract(): Promise<string[]> {
  const files = readdirSync(GENERATED, { recursive: true, encoding: "utf8" });
  const paths: string[] = [];
  for (const file of files.filter((name) => name.endsWith("_pb.js"))) {
    const module: Record<string, unknown> = await import(pathToFileURL(join(GENERATED, file)).href);
    const found = Object.entries(module).find(([name]) => name.startsWith("file_"))?.[1] as DescFile;
    for (const service of found.services)
      for (const method of service.methods) paths.push(`/${service.typeName}/${method.name}`);
  }
  return paths;
}
