import { type ReactNode, useEffect, useRef } from "react";
import { metadataOf } from "../api/errors";
import { Crumb, useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Notice, Skeleton, Trouble } from "../frame/States";
import { setQuery, usePlace } from "../state/url";
import { KeyLink } from "./NodeLink";
import { brief, parsed } from "./nodes";
import { questionsFor } from "./questions";

interface Props {
  /** The question, as a sentence. */
  title: string;
  /** What it is asked of, for the other questions about it. */
  node: string;
  /** The boxes by which it is asked. */
  asked: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** A page that answers a question: what is asked, the answer, and what else may be asked of the same. */
export function Question({ title, node, asked, actions, children }: Props) {
  const { path } = usePlace();
  useTitle(title);
  const questions = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the one that is asked may be out of sight.
    const asked = questions.current?.querySelector("[aria-current]");
    asked?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [path]);
  const kind = parsed(node)?.kind ?? (node ? "model_version" : "");
  return (
    <article className="page lineage">
      <Crumb>
        <span className="soft">{title}</span>
      </Crumb>
      <header className="page-head">
        <h1>{title}</h1>
        <span className="grow" />
        {actions}
      </header>
      {node && (
        <nav ref={questions} aria-label="Other questions" className="questions">
          {questionsFor(kind).map((one) => (
            <Link
              key={one.path}
              to={one.path}
              query={{
                node,
                ...(one.path === "/lineage/diff" && { to: node }),
                ...(one.path === "/lineage/path" && { to: node }),
              }}
              aria-current={one.path === path ? "page" : undefined}
              title={one.long}
            >
              {one.short}
            </Link>
          ))}
        </nav>
      )}
      <div role="group" aria-label="What is asked" className="asked">
        {asked}
      </div>
      {children}
    </article>
  );
}

/** The answer in a sentence. */
export function Say({ children, tone }: { children: ReactNode; tone?: "good" | "warn" | "bad" | undefined }) {
  return (
    <p className={tone ? `answer ${tone}` : "answer"} role="status">
      {children}
    </p>
  );
}

/** What there is instead of an answer, if there is none. */
export function Unanswered({
  answer,
  what,
}: {
  answer: { data: unknown; error: unknown; reload: () => void };
  what: string;
}) {
  if (answer.error !== undefined) {
    const home = <Link to="/lineage">All of lineage</Link>;
    const near = metadataOf(answer.error, "near");
    if (near === undefined)
      return <Trouble error={answer.error} what={what} retry={answer.reload} home={home} />;
    return (
      <Notice title={`${what} is not here`} action={home}>
        <p>Nothing is recorded by that name. What is, and is called alike:</p>
        <ul className="near">
          {near.split("\n").map((reference) => (
            <li key={reference}>
              <KeyLink node={parsed(reference)} />
            </li>
          ))}
        </ul>
      </Notice>
    );
  }
  if (answer.data === undefined) return <Skeleton />;
  return null;
}

/** Since when something is known: the page tells of that time. */
export function AsOf() {
  const at = usePlace().query.get("at") ?? "";
  return (
    <label className="field">
      as known at
      <input
        type="datetime-local"
        className="input"
        value={at}
        onChange={(event) => setQuery({ at: event.target.value })}
      />
    </label>
  );
}

/** A node as a title has it. */
export function nameOf(reference: string): string {
  const key = parsed(reference);
  if (!key) return reference;
  if (key.kind === "model_version") return `${key.name}/${key.version}`;
  if (key.kind === "run") return `run ${key.name.slice(0, 12)}`;
  return key.version ? `${key.name} ${brief(key.version)}` : key.name;
}
