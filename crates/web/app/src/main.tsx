import "./design/tokens.css";
import "./design/base.css";
import "./frame/frame.css";
import "./frame/print.css";
import { createRoot } from "react-dom/client";
import { loadAhead } from "./design/onDemand";
import { App } from "./frame/App";
import { applyTheme } from "./state/theme";

applyTheme();
const root = document.getElementById("app");
if (root) createRoot(root).render(<App />);
void loadAhead();
