import { type ReactNode, useEffect, useRef, useState } from "react";
import "./menu.css";

interface Props {
  /** What one presses. */
  words: ReactNode;
  /** What it is called, where its words do not say. */
  label?: string;
  title?: string;
  className?: string;
  /** Its buttons. */
  children: ReactNode;
}

/** Buttons that come when they are asked for, and go once one is pressed, or elsewhere. */
export function Menu({ words, label, title, className = "button plain", children }: Props) {
  const details = useRef<HTMLDetailsElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!open) return;
    const leave = (event: PointerEvent) => {
      if (!details.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", leave);
    return () => document.removeEventListener("pointerdown", leave);
  }, [open]);
  return (
    <details
      ref={details}
      className="menu"
      open={open}
      onToggle={(event) => setOpen(event.currentTarget.open)}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.stopPropagation();
        setOpen(false);
        details.current?.querySelector("summary")?.focus();
      }}
    >
      <summary className={className} aria-label={label} title={title}>
        {words}
      </summary>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: a press on one of the buttons, by keys too */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: what acts are the buttons */}
      <div className="float" onClick={() => setOpen(false)}>
        {children}
      </div>
    </details>
  );
}
