import { useConnection } from "../api/connection";
import { useNow } from "../design/Time";
import { ago } from "../format/times";

/** A thin bar while the server does not answer: how old what is shown is. */
export function ConnectionBar() {
  const { lost, heardAt } = useConnection();
  const now = useNow();
  return (
    <div role="status" className={lost ? "connection lost" : "connection"}>
      {lost && `No connection to Herdbook. What you see is of ${ago(heardAt, now)}; trying again by itself.`}
    </div>
  );
}
