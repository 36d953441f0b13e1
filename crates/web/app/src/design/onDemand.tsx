import { type ComponentType, createElement, type ReactNode, useEffect, useState } from "react";

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
  return function OnDemand(props: Props) {
    const [failure, setFailure] = useState<{ error: unknown }>();
    const [, setHere] = useState(false);
    useEffect(() => {
      if (loaded) return;
      let gone = false;
      loading ??= load().then((code) => {
        loaded = code.default;
      });
      loading.then(
        () => !gone && setHere(true),
        (error: unknown) => {
          loading = undefined;
          if (!gone) setFailure({ error });
        },
      );
      return () => {
        gone = true;
      };
    }, []);
    if (failure) throw failure.error;
    return loaded ? createElement(loaded, props) : standIn(props);
  };
}
