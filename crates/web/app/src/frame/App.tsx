import { lazy, type ReactNode, Suspense, useEffect } from "react";
import { useSignInNeeded } from "../api/session";
import { ExperimentList } from "../experiments/ExperimentList";
import { navigate, usePlace } from "../state/url";
import { Crash } from "./Crash";
import { Frame } from "./Frame";
import { Link } from "./Link";
import { SignIn } from "./SignIn";
import { Notice, Skeleton } from "./States";

// Each page is loaded when it is first gone to.
const ExperimentPage = lazy(() => import("../experiment/ExperimentPage"));
const LineagePage = lazy(() => import("../lineage/LineagePage"));
const ReferencePage = lazy(() => import("../reference/ReferencePage"));
const RunPage = lazy(() => import("../runs/RunPage"));
const StartPage = lazy(() => import("../start/StartPage"));

export function App() {
  const { path } = usePlace();
  useMlflowAddress();
  if (useSignInNeeded()) return <SignIn />;
  const { crumbs, page } = pageAt(path);
  return (
    <Frame crumbs={crumbs}>
      <Crash key={path}>
        <Suspense fallback={<Skeleton />}>{page}</Suspense>
      </Crash>
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

/** MLflow's clients print addresses such as `/#/experiments/1/runs/0123…` of their server's page. */
function useMlflowAddress(): void {
  useEffect(() => {
    const [, experiment, run] =
      window.location.hash.match(/^#\/experiments\/(\d+)(?:\/runs\/([0-9a-f]{32}))?/) ?? [];
    if (run) navigate(`/runs/${run}`, { replace: true });
    else if (experiment) navigate(`/experiments/${experiment}`, { replace: true });
  }, []);
}
