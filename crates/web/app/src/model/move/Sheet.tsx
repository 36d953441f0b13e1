import { type ReactNode, useLayoutEffect, useRef } from "react";
import "./sheet.css";

interface Props {
  label: string;
  onClose: () => void;
  children: ReactNode;
}

/** A dialog at the side of the page, for a decision; closed by Escape, and by a press beside it. */
export function Sheet({ label, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const opened = dialog.current;
    opened?.showModal();
    // While it is still in the page: so the focus goes back to where it was.
    return () => opened?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape is the key for it
    <dialog
      ref={dialog}
      className="sheet"
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === event.currentTarget && onClose()}
    >
      <div className="sheet-body">{children}</div>
    </dialog>
  );
}
