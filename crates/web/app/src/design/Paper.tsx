import { useLayoutEffect, useRef } from "react";

/** A picture as it stands on paper: whole, and as wide as there is room. */
export function Paper({ svg }: { svg: string }) {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const { documentElement } = new DOMParser().parseFromString(svg, "image/svg+xml");
    place.current?.replaceChildren(document.importNode(documentElement, true));
  }, [svg]);
  return <div ref={place} className="paper" />;
}
