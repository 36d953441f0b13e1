/** What a new report begins with: one of each panel, to be changed. */
export const FIRST_TEXT = `What was tried, and what came of it.

\`\`\`herdbook
panel: chart
experiment: Default
metrics: loss
limit: 10
\`\`\`

\`\`\`herdbook
panel: runs
experiment: Default
columns: metrics.loss, attributes.user
\`\`\`
`;
