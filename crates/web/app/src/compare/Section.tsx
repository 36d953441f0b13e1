import type { ReactNode } from "react";
import { SaveMenu } from "../charts/SaveMenu";

type Saved = Pick<Parameters<typeof SaveMenu>[0], "picture" | "rows">;

interface Props extends Saved {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
}

/** A part of the analysis, with what it is asked by and what can be saved of it. */
export function Section({ title, aside, picture, rows, children }: Props) {
  return (
    <section className="analysis-part" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {aside}
        {(picture || rows) && <SaveMenu title={title} picture={picture} rows={rows} />}
      </header>
      {children}
    </section>
  );
}
