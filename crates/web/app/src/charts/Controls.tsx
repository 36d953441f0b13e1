import { type ReactNode, useEffect, useRef, useState } from "react";
import { setQuery } from "../state/url";
import { MOST } from "./smooth";

/** Typing and dragging are shown at once, and in the address when they rest. */
const REST_MS = 250;

/** How the charts are looked at. */
export function Controls({
  query,
  zoomed,
  grouped,
}: {
  query: URLSearchParams;
  zoomed: boolean;
  grouped: boolean;
}) {
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
      <Resting name="combine" initial={query.get("combine") ?? ""}>
        {(value, change) => (
          <input
            className="input"
            type="search"
            aria-label="Combine charts by a pattern"
            placeholder="combine by"
            title="metrics of which this regular expression catches the same are on the same axes: layer\d+\/(.*) puts all layers together"
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
      <Toggle query={query} name="logy" value="1">
        log y
      </Toggle>
      <Toggle query={query} name="logx" value="1">
        log x
      </Toggle>
      <Toggle
        query={query}
        name="outliers"
        value="ignore"
        title="draw as if the most extreme values were not there, and say how many they are"
      >
        ignore outliers
      </Toggle>
      {grouped && (
        <Toggle
          query={query}
          name="band"
          value="range"
          title="bands from the least value of any run to the greatest, instead of a standard deviation"
        >
          min to max
        </Toggle>
      )}
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

/** Sets an entry of the address, or takes it out again. */
function Toggle({
  query,
  name,
  value,
  title,
  children,
}: {
  query: URLSearchParams;
  name: string;
  value: string;
  title?: string;
  children: ReactNode;
}) {
  const pressed = query.get(name) === value;
  return (
    <button
      type="button"
      className="button"
      aria-pressed={pressed}
      onClick={() => setQuery({ [name]: pressed ? undefined : value })}
      title={title}
    >
      {children}
    </button>
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
  children: (value: string, change: (value: string) => void) => ReactNode;
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
