import { Notice } from "../frame/States";
import { workspace } from "../state/url";
import { Snippets } from "./Snippets";

/** A model that has no version yet, and how it gets one. */
export function NoVersions({ model }: { model: string }) {
  return (
    <Notice title="No version is registered yet">
      <p>A version is the files of a run, kept as they are. Any of these registers one:</p>
      <Snippets model={model} origin={window.location.origin} workspace={workspace()} />
    </Notice>
  );
}
