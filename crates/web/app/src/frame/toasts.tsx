import { signal, useSignal } from "../state/signal";

interface Toast {
  id: number;
  text: string;
  undo?: (() => void) | undefined;
}

const SHOWN_MS = 8000;
const toasts = signal<readonly Toast[]>([]);
let last = 0;

/** Says what was done, for some seconds, with a way to undo it. */
export function toast(text: string, undo?: () => void): void {
  const id = ++last;
  toasts.set([...toasts.get(), { id, text, undo }]);
  setTimeout(() => dismiss(id), SHOWN_MS);
}

function dismiss(id: number): void {
  toasts.set(toasts.get().filter((shown) => shown.id !== id));
}

export function Toasts() {
  const shown = useSignal(toasts, (all) => all);
  return (
    <div className="toasts" role="status">
      {shown.map(({ id, text, undo }) => (
        <div key={id} className="toast">
          <span>{text}</span>
          {undo && (
            <button
              type="button"
              className="button plain"
              onClick={() => {
                dismiss(id);
                undo();
              }}
            >
              Undo
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
