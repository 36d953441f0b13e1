import { type ReactNode, useState } from "react";
import { useAnswer } from "../api/answer";
import { access } from "../api/clients";
import { signOut } from "../api/session";
import { setTheme, theme } from "../state/theme";
import { hrefTo, navigate, usePlace } from "../state/url";
import { ConnectionBar } from "./ConnectionBar";
import { Link } from "./Link";
import { SearchButton } from "./search/SearchButton";
import { ShortcutHelp, useShortcuts } from "./shortcuts";
import { Toasts } from "./toasts";

/** Where one can go: a page is here once it works. */
const PLACES = [
  {
    name: "Runs",
    to: "/experiments",
    keys: "g r",
    at: ["/experiments", "/runs"],
    icon: "M2 13h12M3 10l3-4 3 2 4-6",
  },
  {
    name: "Lineage",
    to: "/lineage",
    keys: "g l",
    at: ["/lineage"],
    icon: "M1 2h4v4H1zM1 10h4v4H1zM11 6h4v4h-4zM5 4h3v8H5M8 8h3",
  },
  { name: "Start", to: "/start", keys: "g s", at: ["/start"], icon: "M4 2l9 6-9 6z" },
];

const THEMES = { auto: "light", light: "dark", dark: "auto" } as const;

export function Frame({ crumbs, children }: { crumbs: ReactNode; children: ReactNode }) {
  const { path } = usePlace();
  const caller = useAnswer("caller", (signal) => access.getCaller({}, { signal })).data;
  const [chosen, setChosen] = useState(theme());
  useShortcuts(
    Object.fromEntries(
      PLACES.map(({ name, to, keys }) => [keys, { what: `go to ${name}`, run: () => navigate(hrefTo(to)) }]),
    ),
  );
  const turn = () => {
    setTheme(THEMES[chosen]);
    setChosen(THEMES[chosen]);
  };
  return (
    <div className="frame">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="top">
        <Link to="/experiments" className="mark">
          <span aria-hidden="true">◐</span> Herdbook
        </Link>
        {caller && <Workspace current={caller.workspace} />}
        <nav aria-label="Where you are" className="crumbs">
          {crumbs}
        </nav>
        <SearchButton />
        <button
          type="button"
          className="button plain theme"
          onClick={turn}
          title={`theme: ${chosen}; press for ${THEMES[chosen]}`}
        >
          {chosen === "auto" ? "Auto" : chosen === "light" ? "Light" : "Dark"}
        </button>
        {caller && (
          <span className="caller soft" title={`${caller.principal} in ${caller.workspace}`}>
            {caller.principal}
          </span>
        )}
        {caller && caller.principal !== "local" && (
          <button type="button" className="button plain" onClick={signOut}>
            Sign out
          </button>
        )}
      </header>
      <nav aria-label="Places" className="rail">
        {PLACES.map(({ name, to, at, icon }) => (
          <Link
            key={to}
            to={to}
            aria-current={at.some((start) => path.startsWith(start)) ? "page" : undefined}
          >
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path d={icon} />
            </svg>
            {name}
          </Link>
        ))}
      </nav>
      <ConnectionBar />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Toasts />
      <ShortcutHelp />
    </div>
  );
}

/** The workspace of the page, and a way to the caller's others. */
function Workspace({ current }: { current: string }) {
  const others = useAnswer("workspaces", (signal) => access.listWorkspaces({}, { signal })).data?.workspaces;
  if (!others || others.length < 2) return <span className="workspace">{current}</span>;
  const change = (name: string) =>
    window.location.assign(`/experiments?workspace=${encodeURIComponent(name)}`);
  return (
    <select
      className="input workspace"
      aria-label="Workspace"
      value={current}
      onChange={(event) => change(event.target.value)}
    >
      {others.map(({ name }) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}
