import { request } from "../api";

/** Replaces one's own password; all sessions end, this one too. */
export async function changePassword(oldPassword: string, newPassword: string): Promise<void> {
  await request("POST", "/api/me/password", { body: { old_password: oldPassword, new_password: newPassword } });
}
