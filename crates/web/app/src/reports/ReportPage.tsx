import { useAnswer } from "../api/answer";
import { useMay } from "../api/caller";
import { messageOf } from "../api/errors";
import { reports } from "../api/team";
import { Comments } from "../comments/Comments";
import { copyText } from "../design/Copy";
import { Ago } from "../design/Time";
import { millis } from "../format/times";
import { Crumb, useTitle } from "../frame/Crumb";
import { Skeleton, Trouble } from "../frame/States";
import { useShortcuts } from "../frame/shortcuts";
import { toast } from "../frame/toasts";
import { Lifecycle } from "../generated/herdbook/common/v1/lifecycle_pb";
import { Role } from "../generated/herdbook/common/v1/role_pb";
import type { Report } from "../generated/herdbook/team/v1/report_pb";
import { SubjectKind } from "../generated/herdbook/team/v1/subject_pb";
import { hrefTo, navigate, setQuery, usePlace } from "../state/url";
import { Editor } from "./Editor";
import { Revisions } from "./Revisions";
import { Text } from "./Text";
import "./reports.css";

const REFRESH_MS = 5000;

/** A report, as it is or as it was at a revision; its editor while the address says so. */
export default function ReportPage({ id }: { id: string }) {
  const { query } = usePlace();
  const revision = BigInt(/^\d+$/.exec(query.get("revision") ?? "")?.[0] ?? 0);
  const may = useMay(Role.CONTRIBUTOR);
  const editing = query.get("edit") === "1" && may && revision === 0n;
  const found = useAnswer(
    `report ${id} ${revision}`,
    async (signal) => (await reports.getReport({ id, revision }, { signal })).report,
    { every: editing ? undefined : REFRESH_MS },
  );
  const report = found.data;
  useTitle(report?.title);
  useShortcuts({
    ...(may &&
      !editing && { e: { what: "edit the report", run: () => setQuery({ edit: "1" }, { push: true }) } }),
  });
  if (found.error !== undefined && !report)
    return <Trouble error={found.error} what="This report" retry={found.reload} />;
  if (!report) return <Skeleton />;
  if (editing)
    return (
      <>
        <Crumb>
          <span>{report.title}</span>
        </Crumb>
        <Editor
          report={report}
          onSaved={() => {
            found.reload();
            setQuery({ edit: undefined });
          }}
          onLeave={() => setQuery({ edit: undefined })}
        />
      </>
    );
  const deleted = report.lifecycle === Lifecycle.DELETED;
  return (
    <article className="page report">
      <Crumb>
        <span>{report.title}</span>
      </Crumb>
      <div className="page-head">
        <h1>{report.title}</h1>
        <span className="soft">
          by {report.createdBy} · saved by {report.updatedBy} <Ago time={millis(report.updatedAt)} />
        </span>
        <span className="grow" />
        <div className="report-actions">
          <button type="button" className="button" onClick={() => void copyLink()}>
            Copy link
          </button>
          <button type="button" className="button" onClick={() => window.print()}>
            Print
          </button>
          {may && !deleted && revision === 0n && (
            <>
              <button type="button" className="button" onClick={() => void remove(report)}>
                Delete
              </button>
              <button
                type="button"
                className="button primary"
                onClick={() => setQuery({ edit: "1" }, { push: true })}
              >
                Edit
              </button>
            </>
          )}
        </div>
      </div>
      {revision !== 0n && (
        <p className="warn">
          This is revision {report.revision.toString()}, as {report.updatedBy} saved it.{" "}
          <button type="button" className="button" onClick={() => setQuery({ revision: undefined })}>
            Show the newest
          </button>
        </p>
      )}
      {deleted && (
        <p className="warn">
          This report is deleted.{" "}
          {may && (
            <button type="button" className="button" onClick={() => void restore(report).then(found.reload)}>
              Restore
            </button>
          )}
        </p>
      )}
      <Text text={report.text} />
      <div className="report-foot">
        <Revisions report={report} shown={report.revision} />
        <Comments kind={SubjectKind.REPORT} name={id} />
      </div>
    </article>
  );
}

async function copyLink(): Promise<void> {
  await copyText(window.location.href);
  toast("The address is copied: it opens for whoever may see this workspace");
}

async function remove(report: Report): Promise<void> {
  try {
    await reports.deleteReport({ id: report.id });
    navigate(hrefTo("/reports"));
    toast(
      `“${report.title}” is deleted`,
      () => void restore(report).then(() => navigate(hrefTo(`/reports/${report.id}`))),
    );
  } catch (error) {
    toast(messageOf(error));
  }
}

async function restore(report: Report): Promise<void> {
  try {
    await reports.restoreReport({ id: report.id });
  } catch (error) {
    toast(messageOf(error));
  }
}
