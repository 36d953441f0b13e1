import { useAwaiting } from "./useAwaiting";

/** How many moves wait for the caller's approval. */
export default function Waiting() {
  const { data } = useAwaiting();
  if (!data || data.requests.length === 0) return null;
  const count = data.more ? `${data.requests.length}+` : `${data.requests.length}`;
  const words = count === "1" ? "move waits" : "moves wait";
  return (
    <span className="badge" title={`${count} ${words} for your approval`}>
      {count}
      <span className="hidden-text"> {words} for your approval</span>
    </span>
  );
}
