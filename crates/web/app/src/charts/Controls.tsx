import { useEffect, useRef, useState } from "react";
import { setQuery } from "../state/url";
import { MOST } from "./smooth";

/** Typing and dragging are shown at once, and in the address when they rest. */
const REST_MS = 250;

/** How the charts are looked at. */
export function Controls({ query, zoomed }: { query: URLSearchParams; zoomed: boolean }) {
  const toggle = (key: string, value: string) =>
    setQuery({ [key]: query.get(key) === value ? undefined : value });
  const pressed = (key: string, value: string) => query.get(key) === value;
  return (
    <div className="controls">
      <Resting name="panels" initial={query.get("panels") ?? ""}>
        {(value, change) => (
          <input
            className="input"
            type="search"
            aria-label="Find charts"
            placeholder="find charts"
            value={value}
            onChange={(event) => change(event.target.value)}
          />
        )}
      </Resting>
      <label className="field">
        x
        <select
          className="input"
          value={query.get("x") ?? "step"}
          onChange={(event) =>
            setQuery({ x: event.target.value === "step" ? undefined : event.target.value, zoom: undefined })
          }
        >
          <option value="step">step</option>
          <option value="relative">time since start</option>
          <option value="time">time of day</option>
        </select>
      </label>
      <Resting name="smooth" initial={query.get("smooth") ?? "0"}>
        {(value, change) => (
          <label className="field">
            smoothing
            <input
              type="range"
              min={0}
              max={MOST}
              step={0.001}
              value={value}
              onChange={(event) => change(event.target.value)}
            />
            <output className="number smoothing">{Number(value).toFixed(value === "0" ? 0 : 3)}</output>
          </label>
        )}
      </Resting>
      <button
        type="button"
        className="button"
        aria-pressed={pressed("logy", "1")}
        onClick={() => toggle("logy", "1")}
      >
        log y
      </button>
      <button
        type="button"
        className="button"
        aria-pressed={pressed("logx", "1")}
        onClick={() => toggle("logx", "1")}
      >
        log x
      </button>
      <button
        type="button"
        className="button"
        aria-pressed={pressed("outliers", "ignore")}
        onClick={() => toggle("outliers", "ignore")}
        title="draw as if the most extreme values were not there, and say how many they are"
      >
        ignore outliers
      </button>
      {zoomed && (
        <button
          type="button"
          className="button primary"
          onClick={() => setQuery({ zoom: undefined }, { push: true })}
        >
          Zoom out
        </button>
      )}
    </div>
  );
}

/** Holds what is typed until it rests. */
function Resting({
  name,
  initial,
  children,
}: {
  name: string;
  initial: string;
  children: (value: string, change: (value: string) => void) => React.ReactNode;
}) {
  const [value, setValue] = useState(initial);
  const sent = useRef(initial);
  useEffect(() => {
    // Changed by somebody else, such as the way back.
    if (initial !== sent.current) {
      sent.current = initial;
      setValue(initial);
    }
  }, [initial]);
  useEffect(() => {
    if (value === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = value;
      setQuery({ [name]: value === "0" ? undefined : value });
    }, REST_MS);
    return () => clearTimeout(timer);
  }, [name, value]);
  return children(value, setValue);
}
