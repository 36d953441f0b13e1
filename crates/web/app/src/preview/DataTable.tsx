import { middle } from "../format/names";
import { count } from "../format/numbers";

interface Props {
  columns: readonly string[];
  rows: readonly (readonly (string | undefined)[])[];
  /** How many rows there are; those given, if that is not known. */
  total?: number | undefined;
}

const ROWS = 200;
const COLUMNS = 50;

/** Rows and columns that were logged or uploaded, as far as one looks at them. */
export function DataTable({ columns, rows, total }: Props) {
  const left = (total ?? rows.length) - Math.min(rows.length, ROWS);
  const isNumber = columns.map((_, at) =>
    rows
      .slice(0, ROWS)
      .every((row) => row[at] === undefined || row[at] === "" || !Number.isNaN(Number(row[at]))),
  );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <section className="data-table" tabIndex={0} aria-label="Rows">
      <table className="facts">
        <thead>
          <tr>
            {columns.slice(0, COLUMNS).map((name, at) => (
              <th key={`${at} ${name}`} className={isNumber[at] ? "number" : undefined}>
                {middle(name, 32)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, ROWS).map((row, number) => (
            <tr key={`${number} ${row[0]}`}>
              {columns.slice(0, COLUMNS).map((name, at) => (
                <td key={`${at} ${name}`} className={isNumber[at] ? "number" : undefined} title={row[at]}>
                  {middle(row[at] ?? "", 48)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {(left > 0 || columns.length > COLUMNS) && (
        <p className="soft">
          {left > 0 && `${count(left)} more rows. `}
          {columns.length > COLUMNS && `${count(columns.length - COLUMNS)} more columns.`}
        </p>
      )}
    </section>
  );
}
