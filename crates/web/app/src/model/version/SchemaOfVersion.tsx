import { Part } from "../../design/Part";
import type { SchemaField } from "../../generated/herdbook/registry/v1/card_pb";
import type { Version } from "../../generated/herdbook/registry/v1/version_pb";

/** What goes in and what comes out. */
export function SchemaOfVersion({ version: { schema } }: { version: Version }) {
  if (!schema || schema.inputs.length + schema.outputs.length === 0) return null;
  return (
    <Part title="Inputs and outputs">
      <table className="facts">
        <tbody>
          {schema.inputs.map((field) => (
            <Field key={`in ${field.name}`} field={field} way="in" />
          ))}
          {schema.outputs.map((field) => (
            <Field key={`out ${field.name}`} field={field} way="out" />
          ))}
        </tbody>
      </table>
    </Part>
  );
}

function Field({ field, way }: { field: SchemaField; way: "in" | "out" }) {
  const shape = field.shape.map((size) => (size === -1n ? "any" : size.toString())).join(" × ");
  return (
    <tr>
      <td className="soft">{way}</td>
      <th scope="row">{field.name || "the only one"}</th>
      <td className="mono">
        {field.type}
        {shape && ` [${shape}]`}
      </td>
      <td className="soft">{field.optional && "optional"}</td>
    </tr>
  );
}
