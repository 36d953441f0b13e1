import { memo, useMemo } from "react";
import Markdown from "../design/Markdown";
import { ChartPanel } from "./ChartPanel";
import { readPanel } from "./panel";
import { piecesOf } from "./pieces";
import { RunsPanel } from "./RunsPanel";
import { VersionPanel } from "./VersionPanel";

/** The text of a report with its panels, live. */
export function Text({ text }: { text: string }) {
  const pieces = useMemo(() => piecesOf(text), [text]);
  return (
    <div className="report-text">
      {pieces.map((piece, number) => {
        // By its text, so that a panel goes on as it is while one writes elsewhere.
        const key = piece.kind === "panel" ? piece.text : `text ${number}`;
        return piece.kind === "text" ? (
          <Markdown key={key} text={piece.text} />
        ) : (
          <PanelPiece key={key} text={piece.text} />
        );
      })}
    </div>
  );
}

const PanelPiece = memo(function PanelPiece({ text }: { text: string }) {
  const spec = useMemo(() => readPanel(text), [text]);
  if ("wrong" in spec)
    return (
      <div className="report-panel wrong" role="note">
        <p className="bad">This panel cannot be shown: {spec.wrong}.</p>
        <pre>{text}</pre>
      </div>
    );
  switch (spec.kind) {
    case "chart":
      return <ChartPanel spec={spec} />;
    case "runs":
      return <RunsPanel spec={spec} />;
    case "version":
      return <VersionPanel spec={spec} />;
  }
});
