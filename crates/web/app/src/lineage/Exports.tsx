import { useState } from "react";
import { messageOf } from "../api/errors";
import { lineage } from "../api/lineage";
import { fileName, save } from "../charts/export";
import { Menu } from "../design/Menu";
import { toast } from "../frame/toasts";
import { ExportFormat } from "../generated/herdbook/lineage/v1/export_pb";
import { nameOf } from "./Question";
import { useMoment } from "./reference";

const FORMATS = [
  [ExportFormat.JSON_GRAPH, "JSON graph", "json"],
  [ExportFormat.DOT, "Graphviz DOT", "dot"],
  [ExportFormat.MERMAID, "Mermaid", "mmd"],
  [ExportFormat.PROV_JSON, "W3C PROV-JSON", "prov.json"],
  [ExportFormat.CYCLONEDX, "CycloneDX ML-BOM", "cdx.json"],
  [ExportFormat.OPENLINEAGE, "OpenLineage events", "ndjson"],
] as const;

/** Saves a pedigree whole, however much of it the page shows, in formats that others read. */
export function Exports({ node, descendants, depth }: { node: string; descendants: boolean; depth: number }) {
  const [busy, setBusy] = useState(false);
  const { request } = useMoment();
  const write = (format: ExportFormat, ending: string) => async () => {
    setBusy(true);
    try {
      const parts: BlobPart[] = [];
      let type = "";
      for await (const part of lineage.exportPedigree({ node, format, descendants, depth, ...request })) {
        type ||= part.contentType;
        parts.push(Uint8Array.from(part.chunk));
      }
      save(`${fileName(nameOf(node))}.${ending}`, new Blob(parts, { type }));
    } catch (error) {
      toast(messageOf(error));
    }
    setBusy(false);
  };
  return (
    <Menu words={busy ? "Writing…" : "Export"} className="button">
      {FORMATS.map(([format, words, ending]) => (
        <button
          key={format}
          type="button"
          className="button plain"
          onClick={write(format, ending)}
          disabled={busy}
        >
          {words}
        </button>
      ))}
    </Menu>
  );
}
