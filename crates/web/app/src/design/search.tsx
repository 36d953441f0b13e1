import { useState } from "react";
import { count } from "../format/numbers";

/** Longer lists are searched. */
const SEARCHED = 12;
const SHOWN = 300;

/** The names of a list that are shown, and a box to find the others by. */
export function useSearch(keys: readonly string[]) {
  const [search, setSearch] = useState("");
  const found = keys.filter((key) => key.toLowerCase().includes(search.toLowerCase()));
  const box = keys.length > SEARCHED && (
    <input
      className="input"
      type="search"
      placeholder={`find in ${count(keys.length)}`}
      aria-label="Find by name"
      value={search}
      onChange={(event) => setSearch(event.target.value)}
    />
  );
  return { found: found.slice(0, SHOWN), left: found.length - SHOWN, box };
}
