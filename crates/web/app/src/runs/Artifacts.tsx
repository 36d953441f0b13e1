import { useMemo, useState } from "react";
import { useAnswer } from "../api/answer";
import { artifacts } from "../api/clients";
import { messageOf } from "../api/errors";
import { onDemand } from "../design/onDemand";
import { Part } from "../design/Part";
import { middle } from "../format/names";
import { bytes, count } from "../format/numbers";
import type { File } from "../generated/herdbook/common/v1/file_pb";
import { fileAddress } from "../preview/address";
import { setQuery, usePlace } from "../state/url";

const Preview = onDemand(
  () => import("../preview/Preview"),
  () => <span className="skeleton" />,
);

const PAGE = 1000;
/** Of more files the first are shown. */
const MOST = 5000;

interface Folder {
  folders: Map<string, Folder>;
  files: File[];
  count: number;
  size: bigint;
}

/** The files of a run as folders, each to be saved. */
export function Artifacts({ runId, every }: { runId: string; every: number | undefined }) {
  const list = useAnswer(`artifacts ${runId}`, (signal) => listAll(runId, signal), { every });
  const root = useMemo(() => treeOf(list.data ?? []), [list.data]);
  const { query } = usePlace();
  const open = list.data?.find((file) => file.path === query.get("file"));
  return (
    <Part
      title="Artifacts"
      aside={
        root.count > 0 && (
          <span className="soft">
            {count(root.count)} files, {bytes(root.size)}
          </span>
        )
      }
    >
      {list.error !== undefined && <p className="bad">{messageOf(list.error)}</p>}
      {list.data?.length === 0 && <p className="soft">no files were uploaded</p>}
      <ul className="tree">
        <Entries folder={root} open={open?.path} />
      </ul>
      {open && (
        <section className="preview" aria-label={`Preview of ${open.path}`}>
          <header>
            <strong>{middle(open.path, 64)}</strong>
            <span className="soft">{bytes(open.size)}</span>
            <a className="button" href={fileAddress(runId, open.path)} download>
              Save
            </a>
            <button type="button" className="button plain" onClick={() => setQuery({ file: undefined })}>
              Close
            </button>
          </header>
          <Preview key={open.path} runId={runId} file={open} />
        </section>
      )}
      {(list.data?.length ?? 0) >= MOST && <p className="soft">Only the first {count(MOST)} are listed.</p>}
    </Part>
  );
}

function Entries({ folder, open }: { folder: Folder; open: string | undefined }) {
  return (
    <>
      {[...folder.folders].map(([name, inner]) => (
        <li key={name}>
          <FolderEntry name={name} folder={inner} open={open} />
        </li>
      ))}
      {folder.files.map((file) => (
        <li key={file.path} className="file">
          <button
            type="button"
            className="link"
            aria-expanded={file.path === open}
            title={`${file.path}\n${file.digest}`}
            onClick={() => setQuery({ file: file.path === open ? undefined : file.path })}
          >
            {middle(file.path.slice(file.path.lastIndexOf("/") + 1), 48)}
          </button>
          <span className="soft number">{bytes(file.size)}</span>
        </li>
      ))}
    </>
  );
}

/** What is in a folder is made when it is opened. */
function FolderEntry({ name, folder, open }: { name: string; folder: Folder; open: string | undefined }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {name}/{" "}
        <span className="soft">
          {count(folder.count)} files, {bytes(folder.size)}
        </span>
      </summary>
      {isOpen && (
        <ul className="tree">
          <Entries folder={folder} open={open} />
        </ul>
      )}
    </details>
  );
}

async function listAll(runId: string, signal: AbortSignal): Promise<File[]> {
  const files: File[] = [];
  let pageToken = "";
  do {
    const page = await artifacts.listArtifacts({ runId, pageSize: PAGE, pageToken }, { signal });
    files.push(...page.files);
    pageToken = page.nextPageToken;
  } while (pageToken && files.length < MOST);
  return files;
}

function treeOf(files: readonly File[]): Folder {
  const make = (): Folder => ({ folders: new Map(), files: [], count: 0, size: 0n });
  const root = make();
  for (const file of files) {
    let folder = root;
    const folders = file.path.split("/").slice(0, -1);
    for (const name of ["", ...folders]) {
      if (name) {
        const inner: Folder = folder.folders.get(name) ?? make();
        folder.folders.set(name, inner);
        folder = inner;
      }
      folder.count += 1;
      folder.size += file.size;
    }
    folder.files.push(file);
  }
  return root;
}
