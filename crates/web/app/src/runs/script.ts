import { quoted } from "../compare/facts";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";

/** How to run it again, as a shell reads it; undefined where a run says nothing of its code. */
export function scriptOf(run: Run): string | undefined {
  const { source, environment } = run;
  if (!source || !(source.repository || source.commit || source.command.length)) return undefined;
  const lines: string[] = [];
  if (source.repository) lines.push(`git clone ${quoted(source.repository)} herdbook-run && cd herdbook-run`);
  if (source.commit) lines.push(`git checkout ${quoted(source.commit)}`);
  if (source.dirty || source.diffDigest) {
    lines.push(
      `# It had changes that the commit lacks${source.diffDigest ? `: ${source.diffDigest}.` : "."}`,
      "# If they are among its artifacts, save that file here and apply it:",
      "# git apply changes.diff",
    );
  }
  if (environment?.pythonVersion)
    lines.push(`# Python ${environment.pythonVersion} on ${environment.platform}`);
  if (environment?.requirements.length) {
    lines.push("python3 -m venv .venv && . .venv/bin/activate");
    lines.push(`pip install ${environment.requirements.map(quoted).join(" ")}`);
  }
  for (const { dataset, context } of run.inputs) {
    lines.push(`# reads ${dataset?.name} ${dataset?.digest} ${dataset?.uri} (${context || "input"})`);
  }
  const command = source.command.length
    ? source.command
    : source.entryPoint
      ? ["python", source.entryPoint]
      : [];
  if (command.length) lines.push(command.map(quoted).join(" "));
  return lines.join("\n");
}
