import { type ComponentType, type ReactNode, useEffect } from "react";
import { useSignInNeeded } from "../api/session";
import { onDemand } from "../design/onDemand";
import { ExperimentList } from "../experiments/ExperimentList";
import { SignIn } from "../signin/SignIn";
import { navigate, usePlace } from "../state/url";
import { Crash } from "./Crash";
import { Frame } from "./Frame";
import { Link } from "./Link";
import { Notice, Skeleton } from "./States";

/** A page, loaded when it is first gone to. */
function pageFrom<Props extends object>(load: () => Promise<{ default: ComponentType<Props> }>) {
  return onDemand(load, () => <Skeleton />);
}

const RunComparison = pageFrom(() => import("../compare/ComparePage"));
const ExperimentPage = pageFrom(() => import("../experiment/ExperimentPage"));
const ApprovalsPage = pageFrom(() => import("../approvals/ApprovalsPage"));
const ComparePage = pageFrom(() => import("../model/compare/ComparePage"));
const AuditPage = pageFrom(() => import("../model/AuditPage"));
const ModelPage = pageFrom(() => import("../model/ModelPage"));
const ModelList = pageFrom(() => import("../models/ModelList"));
const PolicyPage = pageFrom(() => import("../model/PolicyPage"));
const VersionPage = pageFrom(() => import("../model/version/VersionPage"));
const LineagePage = pageFrom(() => import("../lineage/LineagePage"));
const ReferencePage = pageFrom(() => import("../reference/ReferencePage"));
const RunPage = pageFrom(() => import("../runs/RunPage"));
const ActivityPage = pageFrom(() => import("../activity/ActivityPage"));
const ReportList = pageFrom(() => import("../reports/ReportList"));
const ReportPage = pageFrom(() => import("../reports/ReportPage"));
const TeamPage = pageFrom(() => import("../team/TeamPage"));
const StartPage = pageFrom(() => import("../start/StartPage"));

export function App() {
  const { path } = usePlace();
  useMlflowAddress();
  if (useSignInNeeded()) return <SignIn />;
  const { crumbs, page } = pageAt(path);
  return (
    <Frame crumbs={crumbs}>
      <Crash key={path}>{page}</Crash>
    </Frame>
  );
}

function pageAt(path: string): { crumbs: ReactNode; page: ReactNode } {
  const [place, id] = path.split("/").slice(1);
  const experiments = <Link to="/experiments">Experiments</Link>;
  if (path === "/" || (place === "experiments" && !id)) {
    return { crumbs: experiments, page: <ExperimentList /> };
  }
  if (place === "experiments" && id && /^\d+$/.test(id)) {
    const crumbs = (
      <>
        {experiments}
        <span id="crumb" />
      </>
    );
    return { crumbs, page: <ExperimentPage key={id} id={BigInt(id)} /> };
  }
  if (place === "runs" && id) {
    const crumbs = (
      <>
        {experiments}
        <span id="crumb" />
      </>
    );
    return { crumbs, page: <RunPage key={id} id={id} /> };
  }
  if (path === "/compare") {
    const crumbs = (
      <>
        {experiments}
        <span id="crumb" />
      </>
    );
    return { crumbs, page: <RunComparison /> };
  }
  if (place === "models" || place === "approvals") {
    const crumbs = path === "/models" ? MODELS : BELOW_MODELS;
    return { crumbs, page: ofModels(path) };
  }
  if (place === "reports") {
    const crumbs = (
      <>
        <Link to="/reports">Reports</Link>
        <span id="crumb" />
      </>
    );
    return id ? { crumbs, page: <ReportPage key={id} id={id} /> } : { crumbs, page: <ReportList /> };
  }
  if (place === "activity") return { crumbs: <span>Activity</span>, page: <ActivityPage /> };
  if (place === "team") return { crumbs: <span>Team</span>, page: <TeamPage /> };
  if (place === "lineage") {
    const crumbs = (
      <>
        <Link to="/lineage">Lineage</Link>
        <span id="crumb" />
      </>
    );
    return { crumbs, page: <LineagePage question={id ?? ""} /> };
  }
  if (place === "reference") {
    const name = path.split("/").slice(2).join("/");
    const crumbs = (
      <>
        <Link to="/reference">Reference</Link>
        {name && <span>{name}</span>}
      </>
    );
    return { crumbs, page: <ReferencePage name={name} /> };
  }
  if (place === "start") return { crumbs: <span>Start</span>, page: <StartPage /> };
  return {
    crumbs: experiments,
    page: (
      <Notice title="There is no such page" action={<Link to="/experiments">All experiments</Link>}>
        The address {path} leads nowhere.
      </Notice>
    ),
  };
}

const MODELS = <Link to="/models">Models</Link>;
const BELOW_MODELS = (
  <>
    {MODELS}
    <span id="crumb" />
  </>
);

function ofModels(path: string): ReactNode {
  const [place, name, part] = path.split("/").slice(1).map(decoded);
  if (place === "approvals") return <ApprovalsPage />;
  if (!name) return <ModelList />;
  if (!part) return <ModelPage key={name} name={name} />;
  if (/^\d+$/.test(part)) return <VersionPage key={path} model={name} number={BigInt(part)} />;
  if (part === "compare") return <ComparePage model={name} />;
  if (part === "policy") return <PolicyPage key={name} model={name} />;
  if (part === "audit") return <AuditPage key={name} model={name} />;
  return (
    <Notice title="There is no such page" action={<Link to="/models">All models</Link>}>
      The address {path} leads nowhere.
    </Notice>
  );
}

/** A part of a path as it was meant; as it is, where somebody wrote a lone percent sign. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** MLflow's clients print addresses such as `/#/experiments/1/runs/0123…` of their server's page. */
function useMlflowAddress(): void {
  useEffect(() => {
    const [, experiment, run] =
      window.location.hash.match(/^#\/experiments\/(\d+)(?:\/runs\/([0-9a-f]{32}))?/) ?? [];
    if (run) navigate(`/runs/${run}`, { replace: true });
    else if (experiment) navigate(`/experiments/${experiment}`, { replace: true });
  }, []);
}
