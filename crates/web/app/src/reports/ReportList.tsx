import { useState } from "react";
import { useAnswer } from "../api/answer";
import { useMay } from "../api/caller";
import { messageOf } from "../api/errors";
import { newRequestId } from "../api/requests";
import { reports } from "../api/team";
import { Ago } from "../design/Time";
import { middle } from "../format/names";
import { millis } from "../format/times";
import { useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Notice, Skeleton, Trouble } from "../frame/States";
import { useShortcuts } from "../frame/shortcuts";
import { toast } from "../frame/toasts";
import { Role } from "../generated/herdbook/common/v1/role_pb";
import type { Report } from "../generated/herdbook/team/v1/report_pb";
import { hrefTo, navigate, setQuery, usePlace } from "../state/url";
import { FIRST_TEXT } from "./first";
import "./reports.css";

const REFRESH_MS = 10_000;
const PAGE = 200;

/** The reports of the workspace, those saved last first. */
export default function ReportList() {
  const { query } = usePlace();
  const search = query.get("q") ?? "";
  const list = useAnswer("reports", (signal) => reports.listReports({ pageSize: PAGE }, { signal }), {
    every: REFRESH_MS,
  });
  const [older, setOlder] = useState<{ reports: Report[]; next: string }>();
  const may = useMay(Role.CONTRIBUTOR);
  useTitle("Reports");
  useShortcuts({
    "/": { what: "find a report", run: () => document.getElementById("find-report")?.focus() },
    ...(may && { n: { what: "write a report", run: () => void create() } }),
  });

  if (list.error !== undefined && !list.data)
    return <Trouble error={list.error} what="The list of reports" retry={list.reload} />;
  if (!list.data) return <Skeleton />;
  const next = older ? older.next : list.data.nextPageToken;
  const known = new Set(list.data.reports.map(({ id }) => id));
  const all = [...list.data.reports, ...(older?.reports ?? []).filter(({ id }) => !known.has(id))];
  const words = search.toLowerCase().split(/\s+/);
  const found = all.filter(({ title }) => words.every((word) => title.toLowerCase().includes(word)));
  const more = async () => {
    try {
      const page = await reports.listReports({ pageSize: PAGE, pageToken: next });
      setOlder({ reports: [...(older?.reports ?? []), ...page.reports], next: page.nextPageToken });
    } catch (error) {
      toast(messageOf(error));
    }
  };
  const write = may && (
    <button type="button" className="button primary" onClick={() => void create()}>
      Write a report
    </button>
  );
  return (
    <div className="page">
      <div className="page-head">
        <h1>Reports</h1>
        <span className="soft">Markdown with live charts, for whoever may see this workspace</span>
        <span className="grow" />
        {all.length > 0 && (
          <input
            id="find-report"
            className="input"
            type="search"
            placeholder="find by title  /"
            aria-label="Find a report by title"
            value={search}
            onChange={(event) => setQuery({ q: event.target.value })}
          />
        )}
        {all.length > 0 && write}
      </div>
      {all.length === 0 ? (
        <Notice title="Nobody has written a report yet" action={write}>
          A report tells what was tried and what came of it, with charts, tables of runs and cards of versions
          that stay live. {!may && "To write one you need the role contributor."}
        </Notice>
      ) : found.length === 0 ? (
        <Notice
          title={`No report is called “${search}”`}
          action={
            <button type="button" className="button" onClick={() => setQuery({ q: undefined })}>
              Show all {all.length}
            </button>
          }
        />
      ) : (
        <table className="facts reports">
          <thead>
            <tr>
              <th>Title</th>
              <th>Saved</th>
              <th>By</th>
              <th className="number">Revision</th>
            </tr>
          </thead>
          <tbody>
            {found.map((report) => (
              <tr key={report.id}>
                <th scope="row">
                  <Link to={`/reports/${report.id}`} title={report.title}>
                    {middle(report.title, 80)}
                  </Link>
                </th>
                <td className="soft">
                  <Ago time={millis(report.updatedAt)} />
                </td>
                <td>{report.updatedBy}</td>
                <td className="number">{report.revision.toString()}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {next && (
        <button type="button" className="button" onClick={() => void more()}>
          Show older
        </button>
      )}
    </div>
  );
}

/** Makes a report and opens it to be written. */
async function create(): Promise<void> {
  try {
    const { report } = await reports.createReport({
      title: "Untitled report",
      text: FIRST_TEXT,
      requestId: newRequestId(),
    });
    if (report) navigate(hrefTo(`/reports/${report.id}`, { edit: "1" }));
  } catch (error) {
    toast(messageOf(error));
  }
}
