import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { match } from "./routes";
import { SessionProvider } from "./session";
import { followTheme } from "./theme";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/login.css";

followTheme();
// The code of the page asked for comes while the server is asked who is logged in, or while that one types.
match(location.pathname)?.route.load().catch(() => undefined);

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element #root");
createRoot(root).render(
  <StrictMode>
    <SessionProvider>
      <App />
    </SessionProvider>
  </StrictMode>,
);
