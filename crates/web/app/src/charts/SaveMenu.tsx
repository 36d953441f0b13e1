import { messageOf } from "../api/errors";
import { Menu } from "../design/Menu";
import { toast } from "../frame/toasts";
import { type Field, type Picture, saveCsv, savePng, saveSvg } from "./export";

type Made<T> = () => T | undefined | Promise<T | undefined>;

interface Props {
  /** What is saved, which files are named by. */
  title: string;
  picture?: Made<Picture> | undefined;
  rows?: Made<readonly (readonly Field[])[]> | undefined;
  /** What else can be done with it. */
  more?: Readonly<Record<string, () => void>>;
}

/** Ways to take along what a panel shows: as a picture, as a table, and what else it has. */
export function SaveMenu({ title, picture, rows, more = {} }: Props) {
  const saved =
    <T,>(make: Made<T>, as: (title: string, made: T) => void | Promise<void>) =>
    async () => {
      try {
        const made = await make();
        if (made) await as(title, made);
        else toast(`${title} has nothing to save yet`);
      } catch (error) {
        toast(messageOf(error));
      }
    };
  const actions: Record<string, () => void> = {
    ...more,
    ...(picture && { "Save as PNG": saved(picture, savePng), "Save as SVG": saved(picture, saveSvg) }),
    ...(rows && { "Save as CSV": saved(rows, saveCsv) }),
  };
  return (
    <Menu
      words="⋯"
      label={`What to do with ${title}`}
      title={Object.keys(actions).join(", ").toLowerCase()}
      className="button plain icon"
    >
      {Object.entries(actions).map(([name, run]) => (
        <button key={name} type="button" className="button plain" onClick={run}>
          {name}
        </button>
      ))}
    </Menu>
  );
}
