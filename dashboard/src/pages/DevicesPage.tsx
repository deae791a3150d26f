import { useEffect } from "react";
import { DeviceRow } from "../components/DeviceRow";
import { Notice } from "../components/Notice";
import { clockTime } from "../format";
import { useTick } from "../useTick";
import { useDevices, type Devices } from "./useDevices";

const COLUMNS = ["Device", "State", "State of charge", "Voltage", "Current", "Power", "Last data"];

/** Every device with its state. */
export function DevicesPage() {
  const list = useDevices();
  const { devices, failure, updatedMs, clock } = list;
  useTick(1_000);
  useEffect(() => {
    document.title = "Devices – EMS";
  }, []);
  const nowMs = clock.now();
  return (
    <>
      <div className="page-head">
        <h1>Devices</h1>
        <p className="page-note">{summary(list)}</p>
      </div>
      {failure !== null && (
        <Notice tone="bad" title={failure}>
          {updatedMs !== null && <p>What you see is as of {clockTime(updatedMs)}.</p>}
        </Notice>
      )}
      {devices !== null && devices.length === 0 && (
        <div className="card empty">
          <h2>No device yet</h2>
          <p>
            Add one on the server with <code>ems-cloud device add ems_001</code> and put the token it prints into the
            device's configuration.
          </p>
        </div>
      )}
      {devices !== null && devices.length > 0 && (
        <div className="card devices">
          <div className="devices-head" aria-hidden="true">
            {COLUMNS.map((column) => (
              <span key={column}>{column}</span>
            ))}
          </div>
          <ul>
            {devices.map((device) => (
              <DeviceRow key={device.device_id} device={device} nowMs={nowMs} />
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

function summary({ devices }: Devices): string {
  if (devices === null) return "";
  const online = devices.filter((device) => device.online).length;
  return `${online} of ${devices.length} online`;
}
