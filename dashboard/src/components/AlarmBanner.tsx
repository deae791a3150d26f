import { useEffect, useRef, useState } from "react";
import { acknowledge } from "../api/alarms";
import { tamed } from "../format";
import { alarmWords } from "../pages/alarms/alarmWords";
import { notices } from "../pages/alarms/notices";
import { has } from "../roles";
import { Link } from "../router";
import { paths } from "../routes";
import { useUser } from "../session";
import { useAlarms } from "../telemetry";

/** The newest alarm that nobody has acknowledged, on every page; new ones also as a notification of the browser. */
export function AlarmBanner() {
  const user = useUser();
  const { ready, active } = useAlarms();
  const [failure, setFailure] = useState<string | null>(null);
  const told = useRef<number | null>(null);

  useEffect(() => {
    if (!ready) return;
    const newest = Math.max(0, ...active.map(({ id }) => id));
    // What was there when the page opened is no news.
    if (told.current !== null) {
      for (const alarm of active) if (alarm.id > told.current && alarm.acknowledged_at === null) notices.show(alarm);
    }
    told.current = Math.max(told.current ?? 0, newest);
  }, [ready, active]);

  const waiting = active.filter(({ acknowledged_at, severity }) => acknowledged_at === null && severity !== "info");
  const first = waiting.find(({ severity }) => severity === "error") ?? waiting[0];
  if (first === undefined) return null;
  const see = () => {
    setFailure(null);
    acknowledge(first.id).catch((error: unknown) => setFailure(error instanceof Error ? error.message : String(error)));
  };
  const { device, text, codes } = alarmWords(first);
  return (
    <div className={`alarm-banner alarm-banner-${first.severity}`} role="alert" data-testid="alarm-banner">
      <p>
        <Link href={paths.live(first.device_id)} title={first.device_id}>
          <bdi>{device.slice(0, 60)}</bdi>
        </Link>{" "}
        <bdi className="alarm-banner-name">{tamed(first.name).slice(0, 60)}</bdi>{" "}
        <bdi title={codes.length > 0 ? codes.join(", ").slice(0, 1_000) : undefined}>{text.slice(0, 200)}</bdi>
        {failure !== null && <span> {failure}</span>}
      </p>
      <div className="alarm-banner-buttons">
        {has(user, "operator") && (
          <button type="button" className="button button-small" data-testid="banner-acknowledge" onClick={see}>
            Acknowledge
          </button>
        )}
        <Link href={paths.alarms()}>{waiting.length === 1 ? "Alarms" : `All ${waiting.length} alarms`}</Link>
      </div>
    </div>
  );
}
