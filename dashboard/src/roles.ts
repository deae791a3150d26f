import type { User } from "./api";

/** From the least to the most. */
const ROLES = ["viewer", "operator", "admin"] as const;

export type Role = (typeof ROLES)[number];

/** Whether the user has the role, or a higher one. The server decides; this only hides what it would refuse. */
export function has(user: User, role: Role): boolean {
  return ROLES.indexOf(user.role as Role) >= ROLES.indexOf(role);
}

/** An admin of all devices: only that one reaches users, rules and the registry. */
export function isFullAdmin(user: User): boolean {
  return has(user, "admin") && user.devices === null;
}
