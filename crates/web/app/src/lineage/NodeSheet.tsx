import { useEffect, useRef, useState } from "react";
import { useAnswer } from "../api/answer";
import { messageOf } from "../api/errors";
import { lineage } from "../api/lineage";
import { Copy } from "../design/Copy";
import { Ago } from "../design/Time";
import { middle } from "../format/names";
import { count } from "../format/numbers";
import { absolute, millis } from "../format/times";
import { Link } from "../frame/Link";
import type { Member } from "./graph/pedigree";
import { outline } from "./graph/shapes";
import { Tags } from "./NodeLink";
import { called, kindWords, pageOf, written } from "./nodes";
import { questionsFor } from "./questions";

const OTHERS = 8;
/** A longer value is shown when it is asked for. */
const LONG = 160;

/** What is known of a node, beside the picture. */
export function NodeSheet({ member, onClose }: { member: Member; onClose: () => void }) {
  const sheet = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone it lies over the picture, where nobody would look for it.
    sheet.current?.scrollIntoView({ block: "nearest" });
  }, []);
  const { key } = member;
  const reference = written(key);
  const named = useAnswer(`versions of ${key.kind}:${key.name}`, (signal) =>
    lineage.getNodes({ node: written({ ...key, version: "" }) }, { signal }),
  );
  const node = named.data?.nodes.find((one) => one.key?.version === key.version);
  const known = node ?? member.node;
  const others = named.data?.nodes.filter((one) => one.key?.version !== key.version) ?? [];
  const page = pageOf(key);
  const { title, detail } = called(known);
  const facts = Object.entries(known.attributes).sort(([a], [b]) => a.localeCompare(b));
  return (
    <aside
      ref={sheet}
      className="sheet"
      aria-label={`About ${title}`}
      onKeyDown={(event) => event.key === "Escape" && onClose()}
    >
      <header>
        <svg viewBox="-96 -28 192 56" aria-hidden="true">
          <path d={outline(key.kind)} />
        </svg>
        <span className="soft">{kindWords(key.kind).one}</span>
        <span className="grow" />
        <button type="button" className="button plain" onClick={onClose} aria-label="Close">
          ✕
        </button>
      </header>
      <h2 title={key.name}>{title}</h2>
      {detail && <p className="soft">{detail}</p>}
      <p>
        <Tags tags={known.tags} />
      </p>
      <nav aria-label="From here" className="sheet-links">
        {page && (
          <Link to={page} className="button primary">
            Open {key.kind === "artifact" ? "its run" : `the ${kindWords(key.kind).one}`}
          </Link>
        )}
        {questionsFor(key.kind).map(({ path, short }) => (
          <Link key={path} to={path} query={{ node: reference }} className="button">
            {short}
          </Link>
        ))}
      </nav>
      <table className="facts pairs">
        <tbody>
          <Fact name="reference" value={reference} />
          {key.version && <Fact name="version" value={key.version} />}
          {node?.recordedAt && (
            <tr>
              <th scope="row">recorded</th>
              <td>
                <Ago time={millis(node.recordedAt)} />
              </td>
            </tr>
          )}
          <Held name="held from" time={millis(node?.heldFrom)} />
          <Held name="held until" time={millis(node?.heldUntil)} />
          {facts.map(([name, value]) => (
            <Fact key={name} name={name} value={value} />
          ))}
        </tbody>
      </table>
      {named.error !== undefined && <p className="bad">{messageOf(named.error)}</p>}
      {others.length > 0 && (
        <details>
          <summary>
            {count(others.length)} other {others.length === 1 ? "state" : "states"} of {middle(key.name, 32)}
          </summary>
          <ul>
            {others.slice(0, OTHERS).map((one) => {
              const other = one.key && written(one.key);
              return (
                other && (
                  <li key={other}>
                    <Link to="/lineage" query={{ node: other }}>
                      {called(one).detail || one.key?.version || "without a version"}
                    </Link>
                  </li>
                )
              );
            })}
          </ul>
          {others.length > OTHERS && <p className="soft">{count(others.length - OTHERS)} more</p>}
        </details>
      )}
      <Documents reference={reference} />
    </aside>
  );
}

function Held({ name, time }: { name: string; time: number | undefined }) {
  if (time === undefined) return null;
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{absolute(time)}</td>
    </tr>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  const long = value.length > LONG || value.includes("\n");
  return (
    <tr>
      <th scope="row">{name.replaceAll("_", " ")}</th>
      <td>
        {long ? (
          <details>
            <summary>{middle(value.split("\n", 1)[0] ?? "", 28)}</summary>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
            <pre tabIndex={0}>{readable(value)}</pre>
          </details>
        ) : (
          <span className="value">{value}</span>
        )}
        <Copy text={value} />
      </td>
    </tr>
  );
}

/** JSON laid out, and other text as it is. */
function readable(value: string): string {
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}

/** The documents that producers attached, such as the facets of OpenLineage; asked for when they are opened. */
function Documents({ reference }: { reference: string }) {
  const [open, setOpen] = useState(false);
  const facets = useAnswer(open ? `facets ${reference}` : undefined, async (signal) => {
    const all = [];
    for await (const { facet } of lineage.getFacets({ node: reference }, { signal }))
      if (facet) all.push(facet);
    return all;
  });
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Documents of producers</summary>
      {facets.error !== undefined && <p className="bad">{messageOf(facets.error)}</p>}
      {facets.data?.length === 0 && <p className="soft">none, such as facets of OpenLineage</p>}
      {facets.data?.map(({ name, scope, run, document }) => (
        <details key={`${name} ${scope} ${run}`}>
          <summary>
            {name} <span className="soft">{scope}</span>
          </summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
          <pre tabIndex={0}>{readable(document)}</pre>
        </details>
      ))}
    </details>
  );
}
