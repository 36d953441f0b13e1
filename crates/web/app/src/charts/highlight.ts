import { signal } from "../state/signal";

/** The run or group that the pointer is on, in the table or in a chart: it stands out everywhere. */
export const highlighted = signal<string | undefined>(undefined);
