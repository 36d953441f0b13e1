import { useMemo } from "react";
import { useAnswer } from "../api/answer";
import { troubleOf } from "../api/errors";
import { FilterBox } from "../filter/FilterBox";
import { count } from "../format/numbers";
import { useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Notice, Skeleton, Trouble } from "../frame/States";
import { Snippets } from "../model/Snippets";
import { useChanges } from "../model/watch";
import { setQuery, usePlace, workspace } from "../state/url";
import type { Fields } from "../table/columns";
import { ModelTable } from "./ModelTable";
import { countModels, useModels } from "./useModels";
import "./models.css";

/** What filters of models can name, besides tags. */
const ATTRIBUTES = [
  "name",
  "owner",
  "description",
  "licence",
  "latest_version",
  "created_by",
  "created_at",
  "updated_at",
];
const LAST_CHANGED = "updated_at desc";

/** All models of the workspace: what serves of each, what changed last, and a way to find one among very many. */
export default function ModelList() {
  const { query } = usePlace();
  const filter = query.get("q") ?? "";
  const order = query.get("sort") ?? LAST_CHANGED;
  const found = useModels(filter, order);
  const all = useAnswer(filter ? "all models" : undefined, (signal) => countModels("", signal));
  const known = found.stale ? undefined : found.total;
  const total = filter ? all.data : known;
  useChanges("", () => {
    found.refresh();
    all.reload();
  });
  useTitle("Models");
  const tags = useMemo(
    () => [...new Set(found.known.flatMap((model) => Object.keys(model.tags)))].sort(),
    [found.known],
  );
  const fields: Fields = { metrics: [], params: [], tags, attributes: ATTRIBUTES };
  const wrong = found.error !== undefined && troubleOf(found.error) === "wrong";
  if (found.error !== undefined && !wrong)
    return <Trouble error={found.error} what="The list of models" retry={found.reload} />;
  if (found.total === undefined && !wrong) return <Skeleton />;
  if (total === 0 && found.rows.length === 0) return <Empty />;
  return (
    <div className="models-page">
      <div className="page-head">
        <h1>Models</h1>
        <span className="soft">{total !== undefined && count(total)}</span>
        <span className="grow" />
        <Link to="/approvals" className="button">
          Approvals
        </Link>
      </div>
      <FilterBox
        things="models"
        placeholder="filter, such as owner = 'risk-ml' and tags.area = 'cards'   /"
        value={filter}
        fields={fields}
        countFor={countModels}
        total={total}
        onChange={(text) => setQuery({ q: text }, { push: true })}
      />
      {wrong ? (
        <Notice
          title="The filter cannot be read"
          action={
            <button type="button" className="button" onClick={() => setQuery({ q: undefined })}>
              Clear the filter
            </button>
          }
        />
      ) : found.total === 0 ? (
        <Notice
          title="No model fits the filter"
          action={
            <button type="button" className="button" onClick={() => setQuery({ q: undefined })}>
              Show all {count(total ?? 0)}
            </button>
          }
        />
      ) : (
        <ModelTable
          models={found.known}
          at={found.at}
          total={found.total ?? 0}
          stale={found.stale}
          order={order}
          onOrder={(next) => setQuery({ sort: next === LAST_CHANGED ? undefined : next })}
          see={found.see}
        />
      )}
    </div>
  );
}

function Empty() {
  return (
    <div className="page">
      <div className="page-head">
        <h1>Models</h1>
      </div>
      <Notice title="No model is registered here yet">
        <p>
          A model is a name; its versions are the files of runs, kept as they are, and moved from stage to
          stage by rules.
        </p>
        <Snippets model="my-model" origin={window.location.origin} workspace={workspace()} />
      </Notice>
    </div>
  );
}
