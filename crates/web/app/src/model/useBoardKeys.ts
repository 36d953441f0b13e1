import { useShortcuts } from "../frame/shortcuts";
import { hrefTo, navigate, setQuery } from "../state/url";
import { modelPath } from "./names";
import { nextStage, servingStage } from "./policy";
import type { Standing } from "./standing";

/** The keys of the board: all that a pointer does by pressing and dragging. */
export function useBoardKeys(
  standing: Standing,
  locked: string | undefined,
  selected: ReadonlySet<bigint>,
  toggle: (version: bigint) => void,
): void {
  const at = (number: string | undefined) =>
    standing.columns.flatMap((column) => column.versions).find((one) => one.number.toString() === number);
  const onCard = (run: (number: bigint) => void) => () => {
    const number = cardInFocus()?.dataset["version"];
    if (number !== undefined) run(BigInt(number));
    else step(0, 1);
  };
  const serving = servingStage(standing.policy);
  useShortcuts({
    j: { what: "next version", run: () => step(0, 1) },
    k: { what: "version before", run: () => step(0, -1) },
    l: { what: "next stage", run: () => step(1, 0) },
    h: { what: "stage before", run: () => step(-1, 0) },
    m: {
      what: "move or promote the version",
      run: onCard((number) => {
        const version = at(number.toString());
        const next = version && nextStage(standing.policy, version.stage);
        if (!locked && next) setQuery({ move: number.toString(), to: next }, { push: true });
      }),
    },
    x: { what: "choose the version to compare", run: onCard(toggle) },
    c: {
      what: "compare those chosen",
      run: () => {
        const href = compareHref(standing.model.name, selected);
        if (href) navigate(href);
      },
    },
    b: {
      what: `roll ${serving ?? "the serving stage"} back`,
      run: () => {
        if (!locked && serving) setQuery({ rollback: serving }, { push: true });
      },
    },
  });
}

/** Where two chosen versions are compared: the older with the newer. */
export function compareHref(model: string, selected: ReadonlySet<bigint>): string | undefined {
  const [from, to] = [...selected].sort((one, other) => (one < other ? -1 : 1));
  if (selected.size !== 2 || from === undefined || to === undefined) return undefined;
  return hrefTo(modelPath(model, "compare"), { from: from.toString(), to: to.toString() });
}

function cardInFocus(): HTMLElement | null {
  return document.activeElement?.closest<HTMLElement>("[data-version]") ?? null;
}

/** Puts the focus on a card: so many columns and cards further on, or the first there is. */
function step(columns: number, cards: number): void {
  const board = [...document.querySelectorAll<HTMLElement>(".board .column")].map((column) => [
    ...column.querySelectorAll<HTMLElement>("[data-version]"),
  ]);
  const current = cardInFocus();
  const column = board.findIndex((list) => current !== null && list.includes(current));
  const first = board.find((list) => list.length > 0)?.[0];
  let next = first;
  if (current && column >= 0) {
    const row = board[column]?.indexOf(current) ?? 0;
    if (columns === 0) next = board[column]?.[row + cards] ?? current;
    else {
      const ahead = columns > 0 ? board.slice(column + 1) : board.slice(0, column).reverse();
      const list = ahead.find((one) => one.length > 0);
      next = list?.[Math.min(row, list.length - 1)] ?? current;
    }
  }
  next?.querySelector<HTMLElement>(".card-name")?.focus();
  next?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
