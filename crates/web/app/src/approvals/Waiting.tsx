import { useAwaiting } from "./useAwaiting";

/** How many moves wait for the caller's approval. */
export default function Waiting() {
  const { data } = useAwaiting();
  if (!data || data.requests.length === 0) return null;
  const count = data.more ? `${data.requests.length}+` : `${data.requests.length}`;
  return (
    <span className="badge" title={`${count} moves wait for your approval`}>
      {count}
      <span className="hidden-text"> wait for your approval</span>
    </span>
  );
}
