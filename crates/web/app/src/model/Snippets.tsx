import { Copy } from "../design/Copy";

interface Props {
  model: string;
  origin: string;
  workspace: string | undefined;
}

/** How to register a version with this very server. */
export function Snippets({ model, origin, workspace }: Props) {
  const uri = workspace ? `${origin}/w/${workspace}` : origin;
  const place = `--server ${origin}${workspace ? ` --workspace ${workspace}` : ""}`;
  const name = /^[\w.-]+$/.test(model) ? model : `'${model.replaceAll("'", "'\\''")}'`;
  const all: [string, string][] = [
    [
      "Command line, from a run’s files",
      `herdbook models create ${name} ${place}\nherdbook models register ${name} runs:/RUN_ID/model --label v1.0.0 ${place}`,
    ],
    [
      "MLflow",
      `import mlflow\n\nmlflow.set_tracking_uri(${JSON.stringify(uri)})\nmlflow.register_model("runs:/RUN_ID/model", ${JSON.stringify(model)})`,
    ],
  ];
  return (
    <>
      {all.map(([title, text]) => (
        <div key={title} className="register">
          <p className="soft">{title}</p>
          <div className="snippet">
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
            <pre tabIndex={0}>{text}</pre>
            <Copy text={text} />
          </div>
        </div>
      ))}
    </>
  );
}
