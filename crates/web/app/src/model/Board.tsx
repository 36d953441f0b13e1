import { type DragEvent, useState } from "react";
import { refusedBy, useCaller } from "../api/caller";
import { Role } from "../generated/herdbook/common/v1/role_pb";
import type { Version } from "../generated/herdbook/registry/v1/version_pb";
import { setQuery } from "../state/url";
import { Card } from "./Card";
import { limitOf, moveOf, ruledMetrics, servingStage } from "./policy";
import type { Column, Standing } from "./standing";
import "./board.css";

interface Props {
  standing: Standing;
  metrics: readonly string[];
  selected: ReadonlySet<bigint>;
  onSelect: (version: bigint) => void;
  onMore: (stage: string) => void;
}

/** What stands in each stage: a column a stage, a card a version. */
export function Board({ standing, metrics, selected, onSelect, onMore }: Props) {
  const { policy, columns } = standing;
  const [dragged, setDragged] = useState<Version>();
  const caller = useCaller();
  const locked = refusedBy(caller, Role.CONTRIBUTOR);
  const serving = servingStage(policy);
  const reference = columns.find((column) => column.stage.name === serving)?.versions[0];
  const better = ruledMetrics(policy);
  const takes = (stage: string) =>
    dragged !== undefined && moveOf(policy, dragged.stage, stage) !== undefined;
  const drop = (stage: string) => {
    if (dragged && takes(stage)) setQuery({ move: dragged.number.toString(), to: stage }, { push: true });
    setDragged(undefined);
  };
  return (
    <div className="board" role="group" aria-label="Versions by stage">
      {columns.map((column) => {
        const { name } = column.stage;
        const state = dragged === undefined ? "" : takes(name) ? " takes" : " refuses";
        return (
          <section
            key={name}
            className={`column${state}${name === serving ? " serving" : ""}`}
            aria-label={`${name}, ${column.count} versions`}
            onDragOver={(event) => takes(name) && event.preventDefault()}
            onDrop={(event) => {
              event.preventDefault();
              drop(name);
            }}
          >
            <ColumnHead column={column} serving={name === serving} locked={locked} />
            <ul>
              {column.versions.map((version) => (
                <Card
                  key={version.number.toString()}
                  version={version}
                  standing={standing}
                  metrics={metrics}
                  better={better}
                  reference={reference}
                  selected={selected.has(version.number)}
                  locked={locked}
                  onSelect={onSelect}
                  onDragStart={(event: DragEvent) => {
                    event.dataTransfer.setData("text/plain", `${version.model}/${version.number}`);
                    event.dataTransfer.effectAllowed = "move";
                    setDragged(version);
                  }}
                  onDragEnd={() => setDragged(undefined)}
                />
              ))}
            </ul>
            {column.versions.length === 0 && (
              <p className="soft column-empty">
                {name === serving ? "Nothing serves." : "Nothing stands here."}
              </p>
            )}
            {column.more && (
              <button type="button" className="button plain" onClick={() => onMore(name)}>
                Show more of {column.count}
              </button>
            )}
          </section>
        );
      })}
    </div>
  );
}

function ColumnHead({
  column,
  serving,
  locked,
}: {
  column: Column;
  serving: boolean;
  locked: string | undefined;
}) {
  const { stage, count } = column;
  const limit = limitOf(stage);
  const traits = [
    limit === 1 ? "holds one" : limit !== undefined && `holds ${limit}`,
    stage.terminal && "for good",
    stage.frozen && "frozen",
  ].filter(Boolean);
  return (
    <header>
      <h3>
        {stage.name} <span className="soft">{count}</span>
      </h3>
      {traits.length > 0 && <span className="soft traits">{traits.join(", ")}</span>}
      {(serving || limit !== undefined) && (
        <button
          type="button"
          className="button plain small"
          disabled={locked !== undefined}
          title={locked ?? `return ${stage.name} to what stood there before`}
          aria-label={`Roll back ${stage.name}`}
          onClick={() => setQuery({ rollback: stage.name }, { push: true })}
        >
          Roll back
        </button>
      )}
    </header>
  );
}
