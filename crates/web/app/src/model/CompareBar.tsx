import { navigate } from "../state/url";
import { compareHref } from "./useBoardKeys";

interface Props {
  model: string;
  selected: ReadonlySet<bigint>;
  onClear: () => void;
}

/** What can be done with the versions that were chosen. */
export function CompareBar({ model, selected, onClear }: Props) {
  if (selected.size === 0) return <span className="soft">choose two versions to compare them</span>;
  const names = [...selected].map((number) => `v${number}`).join(", ");
  const href = compareHref(model, selected);
  return (
    <span className="compare-bar">
      {names}{" "}
      <button
        type="button"
        className="button"
        disabled={href === undefined}
        title={href === undefined ? "two are compared" : "c"}
        onClick={() => href && navigate(href)}
      >
        Compare
      </button>
      <button type="button" className="button plain" onClick={onClear}>
        None
      </button>
    </span>
  );
}
