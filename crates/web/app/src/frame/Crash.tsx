import { Component, type ReactNode } from "react";
import { Notice } from "./States";

/** A page that fails does not take the frame with it. */
export class Crash extends Component<{ children: ReactNode }, { error?: unknown }> {
  override state: { error?: unknown } = {};

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return (
      <Notice
        title="This page failed"
        action={
          <button type="button" className="button" onClick={() => window.location.reload()}>
            Load it again
          </button>
        }
      >
        {String(this.state.error)}. Nothing is lost on the server. A newer version of Herdbook may have been
        started since this page was loaded.
      </Notice>
    );
  }
}
