import { useState } from "react";
import { middle } from "../format/names";
import { count } from "../format/numbers";
import { KIND_ORDER } from "./Explorer";
import { byKind, type Member, type Pedigree } from "./graph/pedigree";
import { NodeLink, Tags } from "./NodeLink";
import { called, kindWords } from "./nodes";
import { distance } from "./words";

const AT_FIRST = 20;

/** All nodes of a picture as tables, a kind each. */
export function Members({ pedigree }: { pedigree: Pedigree }) {
  return (
    <>
      {byKind(pedigree, KIND_ORDER).map(([kind, members]) => (
        <KindTable key={kind} kind={kind} members={members} />
      ))}
    </>
  );
}

function KindTable({ kind, members }: { kind: string; members: Member[] }) {
  const [shown, setShown] = useState(AT_FIRST);
  const { many } = kindWords(kind);
  const tagged = members.some(({ node }) => node.tags.length > 0);
  return (
    <section aria-label={many} className="kind-table">
      <h2>
        {many} <span className="soft">{count(members.length)}</span>
      </h2>
      <table className="facts members">
        <thead>
          <tr>
            <th>Name</th>
            <th>What</th>
            {tagged && <th>Tags</th>}
            <th>How far</th>
          </tr>
        </thead>
        <tbody>
          {members.slice(0, shown).map(({ id, node, depth }) => (
            <tr key={id}>
              <th scope="row">
                <NodeLink node={node} />
              </th>
              <td className="soft">{middle(called(node).detail, 48)}</td>
              {tagged && (
                <td>
                  <Tags tags={node.tags} />
                </td>
              )}
              <td className="soft">{distance(depth)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {members.length > shown && (
        <button type="button" className="button plain" onClick={() => setShown(shown + 10 * AT_FIRST)}>
          {count(members.length - shown)} more
        </button>
      )}
    </section>
  );
}
