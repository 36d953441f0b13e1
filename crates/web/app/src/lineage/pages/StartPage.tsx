import { useAnswer } from "../../api/answer";
import { lineage } from "../../api/lineage";
import { versions } from "../../api/registry";
import { Copy } from "../../design/Copy";
import { middle } from "../../format/names";
import { useTitle } from "../../frame/Crumb";
import { Link } from "../../frame/Link";
import { Notice, Skeleton, Trouble } from "../../frame/States";
import type { FoundName } from "../../generated/herdbook/lineage/v1/search_pb";
import type { Version } from "../../generated/herdbook/registry/v1/version_pb";
import { hrefTo, navigate } from "../../state/url";
import { Tags } from "../NodeLink";
import { NodePicker } from "../NodePicker";
import { brief, written } from "../nodes";
import { QUESTIONS } from "../questions";
import { snippet } from "../snippet";

const SHOWN = 12;
const REFRESH_MS = 15_000;

/** Where to begin: what is in Production and the data that is known, with the questions that people ask of them. */
export function StartPage() {
  useTitle("Lineage");
  const served = useAnswer(
    "in production",
    (signal) => versions.searchVersions({ filter: "stage = 'Production'", pageSize: SHOWN }, { signal }),
    { every: REFRESH_MS },
  );
  const data = useAnswer(
    "data sets",
    (signal) => lineage.searchNodes({ kinds: ["dataset"], limit: SHOWN }, { signal }),
    { every: REFRESH_MS },
  );
  const anything = useAnswer("any node", (signal) => lineage.searchNodes({ limit: 1 }, { signal }), {
    every: REFRESH_MS,
  });
  if (anything.error !== undefined && !anything.data)
    return <Trouble error={anything.error} what="The lineage" retry={anything.reload} />;
  if (!anything.data) return <Skeleton />;
  if (anything.data.names.length === 0) return <Nothing />;
  return (
    <div className="page lineage">
      <div className="page-head">
        <h1>Lineage</h1>
        <span className="soft">what came from what: data, code, runs, models</span>
      </div>
      <div className="asked">
        <NodePicker label="start from" value="" onTake={(node) => navigate(hrefTo("/lineage", { node }))} />
      </div>
      <div className="start-columns">
        <section aria-label="In Production">
          <h2>In Production</h2>
          {served.data?.versions.length === 0 && <p className="soft">No version stands in Production.</p>}
          {served.error !== undefined && <p className="bad">The registry could not be asked.</p>}
          <ul className="subjects">
            {served.data?.versions.map((version) => (
              <Served key={`${version.model}/${version.number}`} version={version} />
            ))}
          </ul>
          {served.data?.nextPageToken && <p className="soft">More are found by their names.</p>}
        </section>
        <section aria-label="Data">
          <h2>Data</h2>
          {data.data?.names.length === 0 && (
            <p className="soft">No data set is recorded: runs that name their inputs record them.</p>
          )}
          <ul className="subjects">
            {data.data?.names.map((found) => (
              <DataSet key={found.latest?.key?.name} found={found} />
            ))}
          </ul>
          {data.data?.more && <p className="soft">More are found by their names.</p>}
        </section>
        <section aria-label="Questions">
          <h2>Questions</h2>
          <ul className="subjects">
            {QUESTIONS.slice(1).map(({ path, long }) => (
              <li key={path}>
                <Link to={path}>{long}</Link>
              </li>
            ))}
          </ul>
        </section>
      </div>
    </div>
  );
}

function Served({ version }: { version: Version }) {
  const node = `model_version:${version.model}@${version.number}`;
  return (
    <li>
      <Link to="/lineage" query={{ node }} className="subject">
        {middle(version.model, 40)}/{version.number.toString()}
      </Link>
      <span className="soft"> {version.label}</span>
      <div className="ask">
        <Link to="/lineage/data" query={{ node }}>
          what data trained it?
        </Link>
        <Link to="/lineage/proof" query={{ node }}>
          prove it clean
        </Link>
        <Link to="/lineage/reproduce" query={{ node }}>
          make it again
        </Link>
      </div>
    </li>
  );
}

function DataSet({ found }: { found: FoundName }) {
  const key = found.latest?.key;
  if (!key) return null;
  const node = written({ ...key, version: "" });
  return (
    <li>
      <Link to="/lineage" query={{ node }} className="subject">
        {middle(key.name, 40)}
      </Link>{" "}
      <span className="soft">{found.versions > 1 ? `${found.versions} states` : brief(key.version)}</span>{" "}
      <Tags tags={found.latest?.tags ?? []} />
      <div className="ask">
        <Link to="/lineage" query={{ node, ways: "on" }}>
          what came of it?
        </Link>
        <Link to="/lineage/impact" query={{ node }}>
          which versions in Production?
        </Link>
      </div>
    </li>
  );
}

/** Nothing is recorded yet: how that is changed. */
function Nothing() {
  const { mlflow, event } = snippet(window.location.origin);
  return (
    <Notice
      title="Nothing is recorded yet"
      action={
        <Link to="/start" className="button primary">
          Log a first run
        </Link>
      }
    >
      <p>
        The graph writes itself from runs, versions and promotions, within a second. A run that names the data
        it reads is enough; with MLflow's client:
      </p>
      {[mlflow, event].map((text, at) => (
        <div key={text}>
          {at === 1 && (
            <p>What happens elsewhere, such as how data was made, is told by OpenLineage events:</p>
          )}
          <div className="snippet">
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
            <pre tabIndex={0}>{text}</pre>
            <Copy text={text} />
          </div>
        </div>
      ))}
    </Notice>
  );
}
