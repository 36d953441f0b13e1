import { type ComponentType, createElement, type ReactNode, useEffect, useState } from "react";

/** From the start on, until code is loaded before it is asked for: what is asked for comes first. */
const AHEAD_AFTER_MS = 2000;

/** Loads what is not here yet. */
const absent = new Set<() => Promise<void>>();

/**
 * A component whose code is loaded when it is first shown, with something in its place until then. It is there as soon as
 * its code is: React's own `lazy` holds back for 300 ms what comes soon after its stand-in, which is longer than
 * most code takes to come.
 */
export function onDemand<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
  standIn: (props: Props) => ReactNode = () => null,
): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  let loading: Promise<void> | undefined;
  const bring = () => {
    loading ??= load().then(
      (code) => {
        loaded = code.default;
        absent.delete(bring);
      },
      (error: unknown) => {
        loading = undefined;
        throw error;
      },
    );
    return loading;
  };
  absent.add(bring);
  return function OnDemand(props: Props) {
    const [failure, setFailure] = useState<{ error: unknown }>();
    const [, setHere] = useState(false);
    // Asked for before anything else is shown; how it ends is told below.
    useState(() => loaded || bring().catch(() => undefined));
    useEffect(() => {
      if (loaded) return;
      let gone = false;
      bring().then(
        () => !gone && setHere(true),
        (error: unknown) => !gone && setFailure({ error }),
      );
      return () => {
        gone = true;
      };
    }, []);
    if (failure) throw failure.error;
    return loaded ? createElement(loaded, props) : standIn(props);
  };
}

/**
 * Loads all code that is on demand, one piece at a time while the browser is idle: pages open at once then, and while the
 * server is away or after it was upgraded too.
 */
export async function loadAhead(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, AHEAD_AFTER_MS));
  for (const bring of absent) {
    await idle();
    // What could not be had is asked for again, and told of, when it is shown.
    await bring().catch(() => undefined);
  }
}

function idle(): Promise<void> {
  return new Promise((resolve) => {
    // Safari lacks it.
    if ("requestIdleCallback" in window) window.requestIdleCallback(() => resolve());
    else setTimeout(resolve);
  });
}
