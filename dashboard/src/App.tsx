import { Suspense } from "react";
import { ErrorBoundary } from "./components/ErrorBoundary";
import { Notice } from "./components/Notice";
import { Shell } from "./components/Shell";
import { LoginPage } from "./pages/LoginPage";
import { has } from "./roles";
import { Link, useLocation } from "./router";
import { match } from "./routes";
import { useSession, useUser } from "./session";
import { TelemetryProvider } from "./telemetry";
import * as api from "./api";

/** Chooses the page: the address says which, the session whether it may be seen. */
export function App() {
  const { state, retry, ended } = useSession();
  switch (state.phase) {
    case "checking":
      return <main className="alone" aria-busy="true" />;
    case "unreachable":
      return (
        <main className="alone">
          <Notice tone="bad" title={state.message}>
            <button type="button" className="button" onClick={retry}>
              Try again
            </button>
          </Notice>
        </main>
      );
    case "out":
      return <LoginPage notice={state.notice} />;
    case "in":
      return (
        <TelemetryProvider renew={api.renew} onSessionEnded={ended}>
          <Shell user={state.user}>
            <Page />
          </Shell>
        </TelemetryProvider>
      );
  }
}

function Page() {
  const { pathname } = useLocation();
  const user = useUser();
  const found = match(pathname);
  if (found === null || !has(user, found.route.needs)) {
    const title = found === null ? "There is no page at this address." : `This page needs the role ${found.route.needs}.`;
    return (
      <Notice tone="warn" title={title}>
        <Link href="/">All devices</Link>
      </Notice>
    );
  }
  const { Page: Shown } = found.route;
  return (
    <ErrorBoundary key={pathname}>
      <Suspense fallback={<p className="page-waiting" aria-busy="true" />}>
        <Shown params={found.params} />
      </Suspense>
    </ErrorBoundary>
  );
}
