import { middle } from "../format/names";
import { count, short } from "../format/numbers";
import { columnOf } from "../table/columns";
import { type Importance, LEAST } from "./importance";

/** How params go with the metric, and how that was found out. */
export function ImportanceTable({
  found,
  objective,
  runs,
}: {
  found: Importance | undefined;
  objective: string;
  runs: number;
}) {
  const metric = columnOf(objective).label;
  if (!found) {
    return (
      <p className="soft">
        Nothing can be told of fewer than {LEAST} runs with {metric}; {count(runs)} are compared.
      </p>
    );
  }
  if (found.weights.length === 0) return <p className="soft">The runs do not differ in a param.</p>;
  return (
    <>
      <table className="facts importance">
        <thead>
          <tr>
            <th>Param</th>
            <th>Importance to the forest</th>
            <th className="number">Correlation</th>
            <th className="number">Runs</th>
          </tr>
        </thead>
        <tbody>
          {found.weights.map(({ field, importance, correlation, between, runs: own }) => (
            <tr key={field}>
              <th scope="row" title={field}>
                {middle(columnOf(field).label, 32)}
              </th>
              <td>
                <span className="weight">
                  <i style={{ width: `${importance * 100}%` }} />
                  <span className="number">{Math.round(importance * 100)}%</span>
                </span>
              </td>
              <td
                className="number"
                title={
                  correlation === undefined
                    ? "the part of the variance that lies between the values (eta squared)"
                    : "Spearman's rank correlation"
                }
              >
                {correlation !== undefined
                  ? `ρ ${short(correlation)}`
                  : between !== undefined
                    ? `η² ${short(between)}`
                    : "–"}
              </td>
              <td className="number">{count(own)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="soft small">
        From {count(found.runs)} runs with {metric}. Importance: how much worse a random forest of 200 trees
        guesses {metric} of runs that a tree did not see, when the param is shuffled among them. It explains{" "}
        {found.explained > 0 ? `${Math.round(found.explained * 100)}%` : "nothing"} of the variance of such
        runs
        {found.explained < 0.3 && ": too little to trust the order"}. Params that go together share their
        importance; none of this says what causes what.
      </p>
    </>
  );
}
