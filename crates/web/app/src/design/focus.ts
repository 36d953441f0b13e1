/** Puts the focus where somebody asked to type, by opening it. A ref of what is opened. */
export function focus(element: HTMLElement | null): void {
  element?.focus();
}
