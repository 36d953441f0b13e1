import { middle } from "../format/names";
import { Link } from "../frame/Link";
import { called, type Known, kindWords, written } from "./nodes";

/** The name of a node, leading to its pedigree. */
export function NodeLink({ node, kind = false }: { node: Known; kind?: boolean }) {
  if (!node.key) return null;
  const reference = written(node.key);
  return (
    <>
      {kind && <span className="soft">{kindWords(node.key.kind).one} </span>}
      <Link to="/lineage" query={{ node: reference }} title={reference}>
        {middle(called(node).title, 48)}
      </Link>
    </>
  );
}

/** The same of a node of which only the key is known. */
export function KeyLink({ node }: { node: Known["key"] }) {
  return <NodeLink node={{ key: node, attributes: {}, tags: [] }} kind />;
}

export function Tags({ tags }: { tags: readonly string[] }) {
  return (
    <>
      {tags.map((tag) => (
        <span key={tag} className="tag">
          {tag}
        </span>
      ))}
    </>
  );
}
