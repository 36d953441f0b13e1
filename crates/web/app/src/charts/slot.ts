/** So many pages of a browser follow runs by a stream of their own. */
const SLOTS = 3;

/**
 * Does `work` with one of the streams that all pages of this browser may have together; answers whether there
 * was one. A browser has six connections to a server without TLS, and needs some for everything else. Where
 * browsers have no locks between pages (they want TLS or loopback for it), each page that is seen has one.
 */
export async function withSlot(work: () => Promise<void>): Promise<boolean> {
  if (!navigator.locks) {
    await work();
    return true;
  }
  for (let slot = 0; slot < SLOTS; slot++) {
    const had = await navigator.locks.request(
      `herdbook.live.${slot}`,
      { ifAvailable: true },
      async (lock) => {
        if (lock) await work();
        return lock !== null;
      },
    );
    if (had) return true;
  }
  return false;
}
