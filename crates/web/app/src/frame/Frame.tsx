import type { ComponentType, ReactNode } from "react";
import { useAnswer } from "../api/answer";
import { useAskCaller, useCaller } from "../api/caller";
import { access } from "../api/clients";
import { usePreferences } from "../api/preferences";
import { signOut } from "../api/session";
import { onDemand } from "../design/onDemand";
import { usePersonal } from "../state/personal";
import type { Theme } from "../state/theme";
import { hrefTo, navigate, usePlace } from "../state/url";
import { ConnectionBar } from "./ConnectionBar";
import { Link } from "./Link";
import { SearchButton } from "./search/SearchButton";
import { ShortcutHelp, useShortcuts } from "./shortcuts";
import { Toasts } from "./toasts";

interface Place {
  name: string;
  to: string;
  keys: string;
  at: string[];
  icon: string;
  /** What waits there. */
  Badge?: ComponentType;
}

/** Where one can go: a page is here once it works. */
const PLACES: Place[] = [
  {
    name: "Runs",
    to: "/experiments",
    keys: "g r",
    at: ["/experiments", "/runs", "/compare"],
    icon: "M2 13h12M3 10l3-4 3 2 4-6",
  },
  {
    name: "Models",
    to: "/models",
    keys: "g m",
    at: ["/models", "/approvals"],
    icon: "M8 1.5l6 3.2v6.6l-6 3.2-6-3.2V4.7zM2 4.7l6 3.3 6-3.3M8 8v6.5",
    Badge: onDemand(() => import("../approvals/Waiting")),
  },
  {
    name: "Lineage",
    to: "/lineage",
    keys: "g l",
    at: ["/lineage"],
    icon: "M1 2h4v4H1zM1 10h4v4H1zM11 6h4v4h-4zM5 4h3v8H5M8 8h3",
  },
  { name: "Reports", to: "/reports", keys: "g p", at: ["/reports"], icon: "M4 2h6l3 3v9H4zM6 8h5M6 11h5" },
  {
    name: "Activity",
    to: "/activity",
    keys: "g a",
    at: ["/activity"],
    icon: "M1 8h3l2-5 4 10 2-5h3",
  },
  {
    name: "Team",
    to: "/team",
    keys: "g t",
    at: ["/team"],
    icon: "M6 8a3 3 0 100-6 3 3 0 000 6zM1 14a5 5 0 0110 0M11 8a2 2 0 100-4M13 14a4 4 0 00-2-4",
  },
  { name: "Start", to: "/start", keys: "g s", at: ["/start"], icon: "M4 2l9 6-9 6z" },
];

const THEMES = { auto: "light", light: "dark", dark: "auto" } as const;

export function Frame({ crumbs, children }: { crumbs: ReactNode; children: ReactNode }) {
  const { path } = usePlace();
  useAskCaller();
  const caller = useCaller();
  const [chosen, setTheme] = usePersonal<Theme>("theme", "auto");
  usePreferences(caller);
  useShortcuts(
    Object.fromEntries(
      PLACES.map(({ name, to, keys }) => [keys, { what: `go to ${name}`, run: () => navigate(hrefTo(to)) }]),
    ),
  );
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
          onClick={() => setTheme(THEMES[chosen])}
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
        {PLACES.map(({ name, to, at, icon, Badge }) => (
          <Link
            key={to}
            to={to}
            aria-current={at.some((start) => path.startsWith(start)) ? "page" : undefined}
          >
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path d={icon} />
            </svg>
            {name}
            {Badge && <Badge />}
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
