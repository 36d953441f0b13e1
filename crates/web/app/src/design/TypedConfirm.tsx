import { type ReactNode, useLayoutEffect, useRef, useState } from "react";

interface Props {
  title: string;
  /** What has to be typed. */
  word: string;
  verb: string;
  children: ReactNode;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks somebody to type what they are about to do, since it cannot be undone. */
export function TypedConfirm({ title, word, verb, children, onConfirm, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState("");
  useLayoutEffect(() => {
    const opened = dialog.current;
    opened?.showModal();
    return () => opened?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="typed-confirm"
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (typed === word) onConfirm();
        }}
      >
        <h2>{title}</h2>
        <div>{children}</div>
        <label>
          Type <code>{word}</code> to go on
          <input
            className="input"
            autoComplete="off"
            spellCheck={false}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        </label>
        <div className="typed-acts">
          <button type="submit" className="button danger" disabled={typed !== word}>
            {verb}
          </button>
          <button type="button" className="button plain" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  );
}
