import { memo, type ReactNode, useMemo } from "react";
import { middle } from "../../format/names";
import { count } from "../../format/numbers";
import { called, kindWords, several } from "../nodes";
import type { Box } from "./fold";
import { BOX } from "./layout";
import { outline } from "./shapes";
import type { Drawn } from "./useLayout";

/** Colours, as the page names them or, for a picture that leaves it, as they are. */
export type Ink = Record<
  "ground" | "soft" | "line" | "edge" | "text" | "faint" | "accent" | "accentSoft" | "warn",
  string
>;

export const PAGE_INK: Ink = {
  ground: "var(--bg)",
  soft: "var(--bg-soft)",
  line: "var(--line-strong)",
  edge: "var(--line-strong)",
  text: "var(--text)",
  faint: "var(--text-soft)",
  accent: "var(--accent)",
  accentSoft: "var(--accent-soft)",
  warn: "var(--warn)",
};

/** What stands out in a picture. */
export interface Emphasis {
  /** Boxes that were asked about. */
  focus: ReadonlySet<string>;
  /** Boxes of the way that proves the answer, and its lines. */
  path: ReadonlySet<string>;
  lines: ReadonlySet<string>;
  /** A word on some nodes, such as which of two pedigrees alone has them. */
  marks?: ReadonlyMap<string, string> | undefined;
}

interface Props {
  drawn: Drawn;
  ink: Ink;
  emphasis: Emphasis;
  /** Boxes to draw; all of them if absent. */
  seen?: ReadonlySet<number> | undefined;
  /** Whether letters can be read. */
  legible?: boolean;
}

const TITLE = 21;
const DETAIL = 24;

/** Boxes and lines, and nothing that acts: for the page, and for a file of its own. */
export function Drawing({ drawn, ink, emphasis, seen, legible = true }: Props) {
  const { folded, placed } = drawn;
  const lines = useMemo(() => {
    const paths = { plain: "", indirect: "", path: "" };
    folded.lines.forEach((line, at) => {
      const sort = emphasis.lines.has(line.id) ? "path" : line.indirect ? "indirect" : "plain";
      paths[sort] += placed.lines[at] ?? "";
    });
    return paths;
  }, [folded, placed, emphasis.lines]);
  const heads = (on: boolean) =>
    folded.lines.map((line) => {
      const place = drawn.placeOf.get(line.target);
      if (place === undefined || emphasis.lines.has(line.id) !== on || (seen && !seen.has(place))) return "";
      return `M${(placed.x[place] ?? 0) - BOX.width / 2} ${placed.y[place]}l-6 -4v8z`;
    });
  return (
    <>
      <g fill="none" strokeWidth={1} stroke={ink.edge}>
        <path d={lines.plain} />
        <path d={lines.indirect} strokeDasharray="4 3" />
        <path d={lines.path} stroke={ink.accent} strokeWidth={2.5} />
      </g>
      {legible && <path d={[...new Set(heads(false))].join("")} fill={ink.edge} />}
      {legible && <path d={[...new Set(heads(true))].join("")} fill={ink.accent} />}
      {folded.boxes.map((box, at) =>
        seen && !seen.has(at) ? null : (
          <Shape
            key={box.id}
            box={box}
            place={at}
            x={placed.x[at] ?? 0}
            y={placed.y[at] ?? 0}
            ink={ink}
            role={emphasis.focus.has(box.id) ? "focus" : emphasis.path.has(box.id) ? "path" : "other"}
            mark={emphasis.marks?.get(box.id)}
            legible={legible}
          />
        ),
      )}
    </>
  );
}

interface ShapeProps {
  box: Box;
  place: number;
  x: number;
  y: number;
  ink: Ink;
  role: "focus" | "path" | "other";
  mark: string | undefined;
  legible: boolean;
}

const Shape = memo(function Shape({ box, place, x, y, ink, role, mark, legible }: ShapeProps) {
  const d = outline(box.kind);
  const words = wordsOf(box);
  // Below the lid of a cylinder there is less room.
  const down = box.kind === "dataset" ? 4 : 0;
  const stroke = role === "other" ? ink.line : ink.accent;
  // From afar a shape is a dot, of the colour of its edge.
  const fill = !legible ? stroke : role === "focus" ? ink.accentSoft : box.bundle ? ink.soft : ink.ground;
  let sheets: ReactNode = null;
  if (box.bundle) {
    sheets = [8, 4].map((by) => (
      <path key={by} d={d} transform={`translate(${by} ${by})`} fill={ink.soft} stroke={ink.line} />
    ));
  }
  return (
    // biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a group of shapes acts by nothing
    <g id={boxId(place)} role="img" aria-label={spoken(box, mark)} transform={`translate(${x} ${y})`}>
      {sheets}
      <path d={d} fill={fill} stroke={stroke} strokeWidth={role === "other" ? 1 : 2} />
      {legible && (
        <>
          <text
            y={(words.detail || mark ? -3 : 4) + down}
            textAnchor="middle"
            fontSize={12}
            fontWeight={600}
            fill={ink.text}
          >
            {middle(words.title, TITLE)}
          </text>
          {(words.detail || mark) && (
            <text y={13 + down / 2} textAnchor="middle" fontSize={11} fill={mark ? ink.warn : ink.faint}>
              {middle(mark ? `${mark}${words.detail && ` · ${words.detail}`}` : words.detail, DETAIL)}
            </text>
          )}
        </>
      )}
    </g>
  );
});

export function boxId(place: number): string {
  return `box-${place}`;
}

function wordsOf(box: Box): { title: string; detail: string } {
  if (box.bundle) {
    const far = box.kind === "";
    return {
      title: far ? `${count(box.bundle.size)} more` : several(box.bundle.size, box.kind),
      detail: far ? (box.bundle.depth < 0 ? "farther back" : "farther on") : "press to open",
    };
  }
  const { title, detail } = called(box.member.node);
  const tags = box.member.node.tags.map((tag) => `#${tag}`).join(" ");
  return { title, detail: [tags, detail].filter(Boolean).join(" · ") };
}

/** What a box is, in a sentence. */
export function spoken(box: Box, mark?: string): string {
  const { title, detail } = wordsOf(box);
  if (box.bundle) return `${title}, folded together; Enter opens`;
  return [`${kindWords(box.kind).one} ${title}`, detail, mark].filter(Boolean).join(", ");
}
