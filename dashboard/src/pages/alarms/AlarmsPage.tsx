import type { PageProps } from "../../routes";
import { useTitle } from "../../title";
import { isFullAdmin } from "../../roles";
import { useUser } from "../../session";
import { Tabs } from "../shared/Tabs";
import { AlarmList } from "./AlarmList";
import { NotifyChoice } from "./NotifyChoice";
import { Rules } from "./Rules";
import "../shared/shared.css";
import "./alarms.css";

/** What is wrong, who has seen it, and when an alarm is raised. */
export default function AlarmsPage({ params: { view = "" } }: PageProps) {
  const user = useUser();
  useTitle("Alarms");
  const tabs = [["/alarms", "Alarms"], ["/alarms/rules", "Rules"]] as const;
  return (
    <>
      <div className="page-head">
        <h1>Alarms</h1>
      </div>
      <Tabs label="Alarms" tabs={isFullAdmin(user) ? [...tabs, ["/admin/webhooks", "Webhooks"]] : tabs} current={view === "rules" ? "/alarms/rules" : "/alarms"} />
      {view === "rules" ? (
        <Rules />
      ) : (
        <>
          <NotifyChoice />
          <AlarmList />
        </>
      )}
    </>
  );
}
