/** Why somebody moves what stands in a stage, as the audit log keeps it. */
export function Reason({ value, onChange }: { value: string; onChange: (reason: string) => void }) {
  return (
    <label className="sheet-comment">
      <span>
        Why <span className="soft">(kept in the audit log)</span>
      </span>
      <textarea className="input" rows={2} value={value} onChange={(event) => onChange(event.target.value)} />
    </label>
  );
}
