import { Shell } from "./components/Shell";
import { DevicesPage } from "./pages/DevicesPage";
import { LivePage } from "./pages/LivePage";
import { LoginPage } from "./pages/LoginPage";
import { Notice } from "./components/Notice";
import { Link, useRoute } from "./router";
import { useSession } from "./session";

/** Chooses the page: the address says which, the session whether it may be seen. */
export function App() {
  const { state, retry } = useSession();
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
        <Shell user={state.user}>
          <Page />
        </Shell>
      );
  }
}

function Page() {
  const route = useRoute();
  switch (route.page) {
    case "devices":
      return <DevicesPage />;
    case "live":
      return <LivePage key={route.deviceId} deviceId={route.deviceId} />;
    case "unknown":
      return (
        <Notice tone="warn" title="There is no page at this address.">
          <Link href="/">All devices</Link>
        </Notice>
      );
  }
}
