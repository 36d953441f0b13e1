import { toJsonString } from "@bufbuild/protobuf";
import type { ReactNode } from "react";
import { useAnswer } from "../../api/answer";
import { lineage } from "../../api/lineage";
import { fileName, save } from "../../charts/export";
import { Copy } from "../../design/Copy";
import { middle } from "../../format/names";
import { bytes, count } from "../../format/numbers";
import { Link } from "../../frame/Link";
import { type Reproduction, ReproductionSchema } from "../../generated/herdbook/lineage/v1/reproduction_pb";
import { setQuery, usePlace, workspace } from "../../state/url";
import { NodePicker } from "../NodePicker";
import { brief, written } from "../nodes";
import { AsOf, nameOf, Question, Say, Unanswered } from "../Question";
import { resolved, useMoment } from "../reference";

const KINDS = ["model_version", "run"];
const SHOWN = 50;

/** What it takes to make a version again: step by step, and what is not known. */
export function ReproducePage() {
  const node = usePlace().query.get("node") ?? "";
  const { at, request } = useMoment();
  const answer = useAnswer(
    node ? `reproduction ${node} ${at}` : undefined,
    async (signal) =>
      (await lineage.getReproduction({ node: await resolved(node, signal), ...request }, { signal }))
        .reproduction,
    { keep: false },
  );
  const made = answer.data;
  const name = made?.node ? nameOf(written(made.node)) : nameOf(node);
  const server = `--server ${window.location.origin}${workspace() ? ` --workspace ${workspace()}` : ""}`;
  const subject = made?.node?.kind === "model_version" ? `${made.node.name}/${made.node.version}` : node;
  const command = `herdbook lineage reproduce ${subject} --out ./again ${server}`;
  return (
    <Question
      title={node ? `What does it take to make ${name} again?` : "What does it take to make a version again?"}
      node={made?.node ? written(made.node) : node}
      actions={
        made && (
          <button type="button" className="button" onClick={() => saveManifest(made, name)}>
            Save manifest.json
          </button>
        )
      }
      asked={
        <>
          <NodePicker
            label="version or run"
            value={node}
            kinds={KINDS}
            onTake={(next) => setQuery({ node: next }, { push: true })}
            wrong={answer.error !== undefined}
          />
          <AsOf />
        </>
      }
    >
      {node ? (
        <Unanswered answer={answer} what={`What made ${nameOf(node)}`} />
      ) : (
        <p className="soft">Name a version, such as fraud-detector@Production, or a run.</p>
      )}
      {made && (
        <>
          <Say tone={made.missing.length > 0 ? "warn" : "good"}>
            {made.missing.length > 0
              ? `${count(made.missing.length)} ${made.missing.length === 1 ? "thing" : "things"} that it takes to make ${name} again ${made.missing.length === 1 ? "is" : "are"} not recorded.`
              : `All that it takes to make ${name} again is recorded.`}
          </Say>
          {made.missing.length > 0 && (
            <table className="facts" aria-label="What is missing">
              <thead>
                <tr>
                  <th>Missing</th>
                  <th>What would close the gap</th>
                </tr>
              </thead>
              <tbody>
                {made.missing.map(({ what, remedy }) => (
                  <tr key={what}>
                    <th scope="row">{what}</th>
                    <td>{remedy}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          <p className="command">
            <code>{command}</code> <Copy text={command} />
          </p>
          <p className="soft">
            writes a folder that does all of this by itself, and checks what comes out of it.
          </p>
          <ol className="steps">
            <Code made={made} />
            <Environment made={made} />
            <Data made={made} />
            <Command made={made} />
            <Outcome made={made} />
          </ol>
        </>
      )}
    </Question>
  );
}

function saveManifest(made: Reproduction, name: string): void {
  const text = toJsonString(ReproductionSchema, made, { useProtoFieldName: true, prettySpaces: 2 });
  save(`${fileName(name)}-manifest.json`, new Blob([text], { type: "application/json" }));
}

function Step({ title, none, children }: { title: string; none: boolean; children: ReactNode }) {
  return (
    <li>
      <h2>{title}</h2>
      {none ? <p className="warn">not recorded</p> : children}
    </li>
  );
}

function Code({ made: { code } }: { made: Reproduction }) {
  const checkout = code && `git clone ${code.repository} work && cd work && git checkout ${code.commit}`;
  return (
    <Step title="Check out the code" none={!code?.commit}>
      <p className="command">
        <code>{checkout}</code> <Copy text={checkout ?? ""} />
      </p>
      {code?.dirty && (
        <p className="warn">
          There were changes that the commit lacks
          {code.diffDigest ? `, of the digest ${brief(code.diffDigest)}.` : ", and they are not recorded."}
        </p>
      )}
    </Step>
  );
}

function Environment({ made: { environment } }: { made: Reproduction }) {
  const packages = environment?.requirements ?? [];
  return (
    <Step title="Make the environment" none={!environment}>
      <p>
        Python {environment?.pythonVersion || "of an unknown version"} on{" "}
        {environment?.platform || "an unknown platform"}
      </p>
      {packages.length > 0 && (
        <details>
          <summary>{count(packages.length)} packages</summary>
          <Copy text={packages.join("\n")} label="copy requirements.txt" />
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
          <pre tabIndex={0}>{packages.join("\n")}</pre>
        </details>
      )}
    </Step>
  );
}

function Data({ made: { data, basedOn } }: { made: Reproduction }) {
  return (
    <Step title="Fetch the data" none={data.length + basedOn.length === 0}>
      <table className="facts">
        <tbody>
          {data.map(({ name, digest, uri, context }) => (
            <tr key={`${name} ${digest} ${context}`}>
              <th scope="row">
                <Link to="/lineage" query={{ node: written({ kind: "dataset", name, version: digest }) }}>
                  {middle(name, 40)}
                </Link>
              </th>
              <td className="soft">{context}</td>
              <td className="mono" title={digest}>
                {brief(digest)} <Copy text={digest} />
              </td>
              <td className="soft" title={uri}>
                {middle(uri || "nobody said where it lies", 48)}
              </td>
            </tr>
          ))}
          {basedOn.map((version) => (
            <tr key={version}>
              <th scope="row">{version}</th>
              <td className="soft" colSpan={3}>
                model it starts from
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Step>
  );
}

function Command({ made: { command, params, seeds } }: { made: Reproduction }) {
  const line = command
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
  const all = Object.entries(params).sort(([a], [b]) => a.localeCompare(b));
  return (
    <Step title="Run it" none={command.length === 0 && all.length === 0}>
      {line && (
        <p className="command">
          <code>{line}</code> <Copy text={line} />
        </p>
      )}
      {all.length > 0 && (
        <table className="facts pairs">
          <tbody>
            {all.slice(0, SHOWN).map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>
                  {value ? <span className="value">{value}</span> : <span className="soft">empty</span>}
                  {seeds.includes(name) && <span className="soft"> seed of random numbers</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {all.length > SHOWN && <p className="soft">{count(all.length - SHOWN)} more in the manifest</p>}
    </Step>
  );
}

function Outcome({ made: { outputs, metrics } }: { made: Reproduction }) {
  return (
    <Step title="Compare what comes out" none={outputs.length === 0 && Object.keys(metrics).length === 0}>
      <table className="facts">
        <tbody>
          {outputs.slice(0, SHOWN).map(({ path, digest, size }) => (
            <tr key={path}>
              <th scope="row">{middle(path, 48)}</th>
              <td className="number">{bytes(size)}</td>
              <td className="mono" title={digest}>
                {brief(digest)} <Copy text={digest} />
              </td>
            </tr>
          ))}
          {Object.entries(metrics)
            .slice(0, SHOWN)
            .map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td className="number" colSpan={2}>
                  {value}
                </td>
              </tr>
            ))}
        </tbody>
      </table>
    </Step>
  );
}
