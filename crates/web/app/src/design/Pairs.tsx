import { middle } from "../format/names";
import { count } from "../format/numbers";
import { Copy } from "./Copy";
import { Part } from "./Part";
import { useSearch } from "./search";

/** Names with their values, each to be copied. */
export function Pairs({
  title,
  entries,
  none,
}: {
  title: string;
  entries: Record<string, string>;
  none: string;
}) {
  const { found, left, box } = useSearch(Object.keys(entries).sort());
  return (
    <Part title={title} aside={box}>
      {Object.keys(entries).length === 0 && <p className="soft">{none}</p>}
      <table className="facts pairs">
        <tbody>
          {found.map((key) => (
            <tr key={key}>
              <th scope="row" title={key}>
                {middle(key, 40)}
              </th>
              <td>
                <span className="value">{entries[key]}</span>
                <Copy text={entries[key] ?? ""} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {left > 0 && <p className="soft">{count(left)} more: find them by name</p>}
    </Part>
  );
}
