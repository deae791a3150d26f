import type { Role } from "../../roles";

const MAY: Readonly<Record<Role, string>> = {
  viewer: "sees everything but users and the audit, and changes nothing",
  operator: "also sends commands and acknowledges alarms",
  admin: "also registers devices, changes rules, and manages users",
};

/** What a role may do. */
export function RoleHint({ role }: { role: Role }) {
  return (
    <p className="hint">
      {role.charAt(0).toUpperCase() + role.slice(1)}: {MAY[role]}.
    </p>
  );
}

/** The ids of a list with commas or spaces; `null`, which is all, for an empty one. */
export function toDeviceIds(text: string): string[] | null {
  const ids = text.split(/[\s,]+/).filter((id) => id !== "");
  return ids.length === 0 ? null : ids;
}
