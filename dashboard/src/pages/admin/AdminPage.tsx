import { Notice } from "../../components/Notice";
import { isFullAdmin } from "../../roles";
import type { PageProps } from "../../routes";
import { useUser } from "../../session";
import { useTitle } from "../../title";
import { Tabs } from "../shared/Tabs";
import { Webhooks } from "../webhooks/Webhooks";
import { Audit } from "./Audit";
import { Devices } from "./Devices";
import { Sessions } from "./Sessions";
import { Users } from "./Users";
import "../shared/shared.css";
import "./admin.css";

const SECTIONS = [
  { key: "devices", title: "Devices", Section: Devices },
  { key: "users", title: "Users", Section: Users },
  { key: "sessions", title: "Sessions", Section: Sessions },
  { key: "webhooks", title: "Webhooks", Section: Webhooks },
  { key: "audit", title: "Audit", Section: Audit },
] as const;

/** What only an admin of all devices may do. */
export default function AdminPage({ params: { section = "" } }: PageProps) {
  const user = useUser();
  const found = SECTIONS.find(({ key }) => key === section) ?? SECTIONS[0];
  useTitle(`${found.title} – Administration`);
  const { Section } = found;
  return (
    <>
      <div className="page-head">
        <h1>Administration</h1>
      </div>
      {isFullAdmin(user) ? (
        <>
          <Tabs
            label="Administration"
            tabs={SECTIONS.map(({ key, title }) => [`/admin/${key}`, title] as const)}
            current={`/admin/${found.key}`}
          />
          <Section />
        </>
      ) : (
        <Notice tone="warn" title="This is for admins of all devices. You are restricted to some." />
      )}
    </>
  );
}
