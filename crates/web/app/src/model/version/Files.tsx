import { Copy } from "../../design/Copy";
import { Part } from "../../design/Part";
import { useSearch } from "../../design/search";
import { middle } from "../../format/names";
import { bytes, count } from "../../format/numbers";
import type { Version } from "../../generated/herdbook/registry/v1/version_pb";
import { hrefTo } from "../../state/url";

/** The files of a version with their digests, each to be saved. */
export function Files({ version }: { version: Version }) {
  const { files, external, source } = version;
  const byPath = new Map(files.map((file) => [file.path, file]));
  const { found, left, box } = useSearch([...byPath.keys()]);
  const size = files.reduce((sum, file) => sum + file.size, 0n);
  return (
    <Part
      title="Files"
      aside={
        <span className="soft">
          {box} {count(files.length)} {files.length === 1 ? "file" : "files"}, {bytes(size)}
        </span>
      }
    >
      {external && (
        <p className="soft">
          Herdbook holds none of its files: they are at <code>{source}</code>
        </p>
      )}
      {!external && files.length === 0 && <p className="soft">it has no files</p>}
      {files.length > 0 && (
        <table className="facts files">
          <thead>
            <tr>
              <th>Path</th>
              <th className="number">Size</th>
              <th className="wide-only">Digest</th>
            </tr>
          </thead>
          <tbody>
            {found.map((path) => {
              const file = byPath.get(path);
              if (!file) return null;
              return (
                <tr key={path}>
                  <th scope="row">
                    <a href={hrefOf(version, path)} download title={path}>
                      {middle(path, 64)}
                    </a>
                  </th>
                  <td className="number">{bytes(file.size)}</td>
                  <td className="wide-only mono" title={file.digest}>
                    {middle(file.digest, 32)} <Copy text={file.digest} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {left > 0 && <p className="soft">{count(left)} more: find them by name</p>}
    </Part>
  );
}

function hrefOf({ model, number }: Version, path: string): string {
  const place = path.split("/").map(encodeURIComponent).join("/");
  return hrefTo(`/files/models/${encodeURIComponent(model)}/${number}/${place}`);
}
