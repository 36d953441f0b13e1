import { Link } from "../frame/Link";
import { Notice } from "../frame/States";
import { usePlace } from "../state/url";
import { ColumnsPage } from "./pages/ColumnsPage";
import { DataPage } from "./pages/DataPage";
import { DiffPage } from "./pages/DiffPage";
import { ImpactPage } from "./pages/ImpactPage";
import { PathPage } from "./pages/PathPage";
import { PedigreePage } from "./pages/PedigreePage";
import { ProofPage } from "./pages/ProofPage";
import { ReproducePage } from "./pages/ReproducePage";
import { StartPage } from "./pages/StartPage";
import "./lineage.css";

const PAGES: Record<string, () => React.ReactNode> = {
  data: DataPage,
  impact: ImpactPage,
  proof: ProofPage,
  reproduce: ReproducePage,
  diff: DiffPage,
  path: PathPage,
  columns: ColumnsPage,
};

/** What came from what: a page for each question, named by the path; the address has what it is asked of. */
export default function LineagePage({ question }: { question: string }) {
  const { query } = usePlace();
  if (question === "") return query.get("node") ? <PedigreePage /> : <StartPage />;
  const Page = PAGES[question];
  if (Page) return <Page />;
  return (
    <Notice title="There is no such question" action={<Link to="/lineage">All questions</Link>}>
      The address /lineage/{question} leads nowhere.
    </Notice>
  );
}
