export { ageMs, markNow, type Mark } from "./age";
export { AlarmStore, toAlarm, toAlarmKind, toSeverity, type Alarms } from "./alarms";
export { Backoff, type BackoffOptions } from "./backoff";
export { Connection, doorUrl, streamUrl, type ConnectionOptions, type ConnectionState } from "./connection";
export { isCatchingUp, type CatchUp } from "./catchUp";
export { fetchDevice } from "./device";
export { EventDoor, type EventDoorOptions } from "./door";
export type { DoorMessage, Frame } from "./doorMessage";
export { EventStore, toDeviceEvent, type Events } from "./events";
export { FleetStore, type Fleet } from "./fleet";
export { FrameStore, type Frames, type NumberedFrame } from "./frames";
export { fetchHistory, type Span } from "./history";
export { getJson, HttpError, type RequestOptions } from "./http";
export { isStale, LiveDevice, type LiveDeviceOptions, type LiveSnapshot } from "./liveDevice";
export type * from "./messages";
export { isObject, MalformedFrame, parseObject, toDeviceSummary, toNumber, toTelemetry, toText, type Unchecked } from "./parse";
export type {
  CommandStatus,
  ErrorCode,
  ErrorMessage,
  Point as UwbPoint,
  ReasonCode,
  UwbDevice,
  UwbDeviceList,
  UwbLocation,
} from "./protocol";
export { TelemetryProvider, useConnection, useDoor, useRoom } from "./provider";
export type { RoomListener, RoomOptions } from "./rooms";
export { isGap, Series, usualIntervalMs, within, type Point } from "./series";
export { ServerClock } from "./serverClock";
export type * from "./types";
export { useLiveDevice, useLiveSnapshot } from "./useLiveDevice";
export { useAlarms, useEvents, useFleet, useMessages } from "./useStores";
export { useTelemetry, type Telemetry, type UseTelemetryOptions } from "./useTelemetry";
