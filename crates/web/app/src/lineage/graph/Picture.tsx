import {
  type CSSProperties,
  type KeyboardEvent,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { SaveMenu } from "../../charts/SaveMenu";
import { count } from "../../format/numbers";
import { usePrinting } from "../../state/printing";
import { boxId, Drawing, type Emphasis, PAGE_INK, spoken } from "./Drawing";
import { type Box, fold } from "./fold";
import { BOX } from "./layout";
import { Minimap } from "./Minimap";
import { type Direction, neighbour } from "./moves";
import type { Link, Pedigree } from "./pedigree";
import { type Drawn, useLayout } from "./useLayout";
import { useSize } from "./useSize";
import { usePointers, useView } from "./useView";
import type { Size, View } from "./view";
import { zoomed } from "./view";

interface Props {
  /** What the picture answers; a new one is looked at from its beginning. */
  question: string;
  pedigree: Pedigree;
  /** The way that proves the answer. */
  path?: Pick<Pedigree, "members" | "links"> | undefined;
  marks?: ReadonlyMap<string, string> | undefined;
  /** Bundles that are open. */
  open: readonly string[];
  onOpen: (open: string[]) => void;
  picked: string | undefined;
  onPick: (id: string | undefined) => void;
  /** Name of files that it is saved as. */
  name: string;
}

const ARROWS: Record<string, Direction> = {
  ArrowLeft: "back",
  ArrowRight: "on",
  ArrowUp: "up",
  ArrowDown: "down",
};
const STEP = 1.25;
/** Below this letters are dust. */
const LEGIBLE = 0.4;
const NOTHING: ReadonlySet<string> = new Set();

/** A pedigree from left to right: dragged, zoomed, walked through by keys, with bundles that open. */
export function Picture({ question, pedigree, path, marks, open, onOpen, picked, onPick, name }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const size = useSize(frame);
  const kept = useMemo(() => new Set(path ? path.members.keys() : NOTHING), [path]);
  const openKey = open.join("\n");
  const folded = useMemo(() => fold(pedigree, open, kept), [pedigree, kept, openKey]);
  const { drawn, busy, error } = useLayout(folded);
  const isPrinted = usePrinting();
  const [focus] = pedigree.focus;
  const first = useMemo(
    () => [...pedigree.focus, ...kept, ...(picked ? [picked] : [])],
    [pedigree, kept, picked],
  );
  const [current, setCurrent] = useState<string>();
  const looking = useView(drawn, size, question, current, first);
  const { reveal } = looking;
  // What is known of a node takes room from the picture, in which it stays to be seen.
  useEffect(() => {
    if (picked && size) reveal(picked);
  }, [picked, size, reveal]);
  const here = [current, picked, focus].find((id) => id !== undefined && drawn?.placeOf.has(id));

  const emphasis = useMemo<Emphasis>(
    () => ({
      focus: pedigree.focus,
      path: kept,
      lines: new Set(path?.links.map(({ source, target }: Link) => `${source}\n${target}`)),
      marks,
    }),
    [pedigree, path, kept, marks],
  );
  const act = useCallback(
    (box: Box | undefined) => {
      if (!box) return onPick(undefined);
      setCurrent(box.id);
      if (box.bundle) onOpen([...open, box.bundle.key]);
      else onPick(box.id);
    },
    [open, onOpen, onPick],
  );
  usePointers(frame, looking.set, (x, y) => {
    frame.current?.focus({ preventScroll: true });
    if (drawn) act(boxAt(drawn, looking.view, x, y));
  });
  const onKey = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === "Escape" && picked) onPick(undefined);
    if (!drawn || !size) return;
    const direction = ARROWS[event.key];
    const centre = [size.width / 2, size.height / 2] as const;
    if (direction) {
      const next = here && neighbour(drawn, here, direction);
      if (next) {
        setCurrent(next);
        looking.reveal(next);
      }
    } else if (event.key === "Enter" || event.key === " ")
      act(drawn.folded.boxes[drawn.placeOf.get(here ?? "") ?? -1]);
    else if (event.key === "+" || event.key === "=") looking.set((view) => zoomed(view, STEP, ...centre));
    else if (event.key === "-") looking.set((view) => zoomed(view, 1 / STEP, ...centre));
    else if (event.key === "0") looking.fit();
    else if (event.key === "Home" && focus) {
      setCurrent(focus);
      looking.reveal(focus);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const seen = useMemo(
    () => (drawn && size ? visible(drawn, looking.view, size) : undefined),
    [drawn, size, looking.view],
  );
  // A small picture takes no more room than it needs.
  const room = drawn && ({ "--room": `${Math.ceil(drawn.placed.height)}px` } as CSSProperties);
  const { x, y, k } = looking.view;
  const place = here === undefined ? undefined : drawn?.placeOf.get(here);
  const zoomBy = (by: number) => () =>
    size && looking.set((view) => zoomed(view, by, size.width / 2, size.height / 2));
  return (
    <div className="picture">
      <div className="picture-tools">
        <span className="soft" role="status">
          {error !== undefined
            ? `The picture could not be drawn: ${String(error)}`
            : busy
              ? `Laying out ${count(folded.boxes.length)} shapes…`
              : `${count(folded.boxes.length)} shapes for ${count(pedigree.members.size)} nodes`}
        </span>
        {open.length > 0 && (
          <button type="button" className="button plain" onClick={() => onOpen([])}>
            Fold all
          </button>
        )}
        <span className="grow" />
        <button
          type="button"
          className="button icon"
          onClick={zoomBy(1 / STEP)}
          aria-label="Smaller"
          title="smaller  −"
        >
          −
        </button>
        <button
          type="button"
          className="button icon"
          onClick={zoomBy(STEP)}
          aria-label="Larger"
          title="larger  +"
        >
          +
        </button>
        <button type="button" className="button" onClick={looking.fit} title="see all of it  0">
          Fit
        </button>
        <button
          type="button"
          className="button wide-only"
          onClick={() => frame.current?.parentElement?.requestFullscreen()}
        >
          Full screen
        </button>
        {drawn && (
          <SaveMenu
            title={name}
            // What draws it for a file is loaded when it is asked for.
            picture={async () => (await import("./file")).pictureOf(drawn, emphasis)}
          />
        )}
      </div>
      {isPrinted && drawn && (
        <div className="paper">
          <svg viewBox={`0 0 ${Math.ceil(drawn.placed.width)} ${Math.ceil(drawn.placed.height)}`}>
            <title>{name}</title>
            <Drawing drawn={drawn} ink={PAGE_INK} emphasis={emphasis} />
          </svg>
        </div>
      )}
      <div
        ref={frame}
        className="picture-frame"
        style={room}
        role="application"
        aria-label="Picture: arrows walk along the lines, Enter opens, + − 0 zoom"
        aria-activedescendant={seen && place !== undefined && seen.has(place) ? boxId(place) : undefined}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: its keys walk through the picture
        tabIndex={0}
        onKeyDown={onKey}
      >
        <svg width="100%" height="100%" className={busy ? "stale" : undefined}>
          <title>{name}</title>
          {drawn && (
            <g transform={`translate(${x} ${y}) scale(${k})`}>
              <Drawing drawn={drawn} ink={PAGE_INK} emphasis={emphasis} seen={seen} legible={k >= LEGIBLE} />
              {place !== undefined && <Ring drawn={drawn} place={place} strong={picked === here} />}
            </g>
          )}
        </svg>
        {drawn && size && <Minimap drawn={drawn} size={size} looking={looking} />}
      </div>
      <span className="hidden-text" role="status">
        {drawn && place !== undefined && current && spokenAt(drawn, place)}
      </span>
    </div>
  );
}

/** Round the box at which keys act. */
function Ring({ drawn, place, strong }: { drawn: Drawn; place: number; strong: boolean }) {
  return (
    <rect
      className={strong ? "ring strong" : "ring"}
      x={(drawn.placed.x[place] ?? 0) - BOX.width / 2 - 4}
      y={(drawn.placed.y[place] ?? 0) - BOX.height / 2 - 4}
      width={BOX.width + 8}
      height={BOX.height + 8}
      rx={6}
    />
  );
}

function spokenAt(drawn: Drawn, place: number): string {
  const box = drawn.folded.boxes[place];
  if (!box) return "";
  const into = drawn.folded.lines.filter(({ target }) => target === box.id).length;
  const out = drawn.folded.lines.filter(({ source }) => source === box.id).length;
  return `${spoken(box)}; ${into} before it, ${out} after it`;
}

function boxAt(drawn: Drawn, view: View, x: number, y: number): Box | undefined {
  const [px, py] = [(x - view.x) / view.k, (y - view.y) / view.k];
  const at = drawn.placed.x.findIndex(
    (middle, place) =>
      Math.abs(middle - px) <= BOX.width / 2 && Math.abs((drawn.placed.y[place] ?? 0) - py) <= BOX.height / 2,
  );
  return drawn.folded.boxes[at];
}

/** Places of the boxes that are seen, or nearly. */
function visible(drawn: Drawn, view: View, size: Size): Set<number> {
  const seen = new Set<number>();
  const margin = BOX.width * view.k;
  for (let place = 0; place < drawn.placed.x.length; place++) {
    const x = view.x + (drawn.placed.x[place] ?? 0) * view.k;
    const y = view.y + (drawn.placed.y[place] ?? 0) * view.k;
    if (x > -margin && x < size.width + margin && y > -margin && y < size.height + margin) seen.add(place);
  }
  return seen;
}
